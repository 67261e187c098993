"""The service answers verdicts, and says when it cannot."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fixtures.guarded_images import is_blank
from fixtures.images_api import images_api
from fixtures.running_service import files, labels, png, running
from PIL import Image

from memguard import AuditLog, Guard, Verdict, add_images
from memguard.service import app as service
from memguard.service.app import create_app
from memguard.service.keys import Keys
from memguard.service.upstream import Upstream

INDEXED, NEW = "chelsea.png", "rocket.jpg"


@pytest.fixture(scope="module")
def pictures(photographs: dict[str, Image.Image]) -> dict[str, bytes]:
    return {name: png(photographs[name]) for name in (INDEXED, NEW)}


@pytest.fixture(scope="module")
def client(photograph_index: Path) -> Iterator[httpx2.Client]:
    with running(create_app(Guard(photograph_index))) as client:
        yield client


def test_copies_are_blocked_and_new_images_clear(
    client: httpx2.Client, pictures: dict[str, bytes], photograph_index: Path
) -> None:
    answer = client.post("/v1/check", files=files(*pictures.items()))
    assert labels(answer) == ["memorized", "clear"]
    copy, new = answer.json()["images"]
    assert (copy["block"], new["block"]) == (True, False)
    assert (copy["name"], copy["sha256"]) == (
        INDEXED,
        hashlib.sha256(pictures[INDEXED]).hexdigest(),
    )
    guard = Guard(photograph_index)
    assert answer.json()["index"]["fingerprint"] == guard.index.fingerprint
    expected = guard.check([*pictures.values()])
    assert [Verdict.from_json(one["verdict"]) for one in (copy, new)] == expected
    as_json = json.loads(json.dumps([one.to_json() for one in expected]))
    assert [one["verdict"] for one in (copy, new)] == as_json


def test_requests_have_their_own_entries_in_the_audit_log(
    photograph_index: Path, pictures: dict[str, bytes], tmp_path: Path
) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    with running(create_app(Guard(photograph_index, audit_log=log))) as client:
        keys = [
            client.post("/v1/check", files=files((INDEXED, pictures[INDEXED]))).json()["request"]
            for _ in range(2)
        ]
    written = (tmp_path / "audit.jsonl").read_text(encoding="utf-8")
    assert keys[0] != keys[1]
    assert [written.count(f'"request":"{key}"') for key in keys] == [1, 1]


def test_only_keys_with_the_role_may_ask(
    photograph_index: Path, pictures: dict[str, bytes], tmp_path: Path
) -> None:
    keys = Keys(tmp_path / "keys.json")
    checker, admin = keys.add("checker", "check"), keys.add("operator", "admin")
    sent = files((NEW, pictures[NEW]))

    def bearer(key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    with running(create_app(Guard(photograph_index), keys=keys)) as client:
        assert client.post("/v1/check", files=sent).status_code == 401
        assert client.post("/v1/check", files=sent, headers=bearer("mg_x")).status_code == 401
        assert labels(client.post("/v1/check", files=sent, headers=bearer(checker))) == ["clear"]
        assert client.post("/v1/reload", headers=bearer(checker)).status_code == 403
        assert client.post("/v1/reload", headers=bearer(admin)).status_code == 200
        assert client.get("/healthz").status_code == 200
        keys.remove("checker")
        assert client.post("/v1/check", files=sent, headers=bearer(checker)).status_code == 401


@pytest.fixture
def own_index(photograph_index: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(photograph_index, tmp_path / "own.memguard"))


def test_an_index_that_grows_is_opened_again(
    own_index: Path,
    pictures: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "LOOK_SECONDS", 1000)
    sent = files((NEW, pictures[NEW]))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "rocket.png").write_bytes(pictures[NEW])
    with running(create_app(Guard(own_index))) as client:
        assert labels(client.post("/v1/check", files=sent)) == ["clear"]
        add_images(tmp_path / "more", own_index, workers=0)
        stale = client.get("/readyz")
        assert stale.status_code == 503
        assert "has changed" in stale.json()["problems"][0]
        references = client.post("/v1/reload").json()["references"]
        assert labels(client.post("/v1/check", files=sent)) == ["memorized"]
        assert client.get("/readyz").json()["references"] == references
        assert f"memguard_index_references {references:.1f}" in client.get("/metrics").text
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.01)
    (tmp_path / "more" / "cut.png").write_bytes(
        png(Image.open(tmp_path / "more" / "rocket.png").crop((0, 0, 300, 300)))
    )
    with running(create_app(Guard(own_index))) as client:
        add_images(tmp_path / "more", own_index, workers=0)
        while client.get("/readyz").status_code != 200:
            pass
        assert client.get("/readyz").json()["references"] == references + 1


def test_a_check_that_fails_is_no_answer(own_index: Path, pictures: dict[str, bytes]) -> None:
    with running(create_app(Guard(own_index))) as client:
        for file in own_index.rglob("*"):
            if file.is_file():
                file.write_bytes(file.read_bytes()[:100])
        answer = client.post("/v1/check", files=files((NEW, pictures[NEW])))
        assert answer.status_code == 503
        assert "could not be checked" in answer.json()["detail"]
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_metrics_count_images_and_answers(
    photograph_index: Path, pictures: dict[str, bytes]
) -> None:
    with running(create_app(Guard(photograph_index))) as client:
        client.post("/v1/check", files=files(*pictures.items()))
        client.post("/v1/check", files=files(("x", b"no image")))
        text = client.get("/metrics").text
    for line in (
        'memguard_images_total{label="memorized"} 1.0',
        'memguard_images_total{label="clear"} 1.0',
        'memguard_answers_total{path="/v1/check",status="200"} 1.0',
        'memguard_answers_total{path="/v1/check",status="422"} 1.0',
        'memguard_live_share{label="memorized"} 0.5',
        "memguard_waiting_images 0.0",
    ):
        assert line in text


def test_an_image_api_behind_it(photograph_index: Path, pictures: dict[str, bytes]) -> None:
    with images_api(pictures[INDEXED], pictures[NEW]) as api:
        upstream = Upstream(f"{api.address}/v1/images/generations", key="secret")
        with running(create_app(Guard(photograph_index), upstream=upstream)) as client:
            asked = {"prompt": "a cat", "n": 2}
            answer = client.post("/v1/images/generations", json=asked)
            assert answer.status_code == 200
            withheld, shown = (one["b64_json"] for one in answer.json()["data"])
            assert 'memorized"} 1.0' in client.get("/metrics").text
            streamed = {**asked, "stream": True}
            assert client.post("/v1/images/generations", json=streamed).status_code == 422
        assert api.requests == [asked]
    assert is_blank(Image.open(io.BytesIO(base64.b64decode(withheld))))
    assert base64.b64decode(shown) == pictures[NEW]


def test_an_image_api_that_fails(photograph_index: Path) -> None:
    with images_api() as api:
        broken = create_app(Guard(photograph_index), upstream=Upstream(f"{api.address}/gone"))
    with running(broken) as client:
        answer = client.post("/v1/images/generations", json={"prompt": "a cat"})
        assert answer.status_code == 502
        assert "does not answer" in answer.json()["detail"]


def test_openapi_describes_it(client: httpx2.Client) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {"/v1/check", "/v1/reload", "/healthz", "/readyz", "/metrics"}
    check = document["paths"]["/v1/check"]["post"]
    assert {"200", "401", "413", "429", "503"} <= set(check["responses"])
    assert set(check["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
