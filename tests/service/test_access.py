"""A key may ask so often in a minute; another key is not hindered."""

from __future__ import annotations

from pathlib import Path

from fixtures.running_service import running

from memguard import Guard
from memguard.service.app import create_app
from memguard.service.keys import Keys
from memguard.service.limits import Limits


def test_requests_per_minute(photograph_index: Path, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    busy, other = keys.add("busy", "admin"), keys.add("other", "admin")
    limits = Limits(requests_per_minute=2)
    with running(create_app(Guard(photograph_index), keys=keys, limits=limits)) as client:

        def ask(key: str) -> int:
            answer = client.post("/v1/reload", headers={"Authorization": f"Bearer {key}"})
            if answer.status_code == 429:
                assert answer.headers["Retry-After"] == "60"
            return answer.status_code

        assert [ask(busy), ask(busy), ask(busy), ask(other)] == [200, 200, 429, 200]


def test_other_kinds_of_authorization_are_refused(photograph_index: Path, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    key = keys.add("operator", "admin")
    with running(create_app(Guard(photograph_index), keys=keys)) as client:
        for given in (f"Basic {key}", key, "Bearer", f"Bearer {key} x", "Bearer \xff"):
            headers = {"Authorization": given.encode("latin-1")}
            answer = client.post("/v1/reload", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
