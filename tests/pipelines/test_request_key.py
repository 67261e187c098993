"""The caller's key of a request."""

from __future__ import annotations

import asyncio

import pytest

from memguard import ConfigurationError, request_key
from memguard.pipelines.request_key import current_key


def test_the_caller_s_key_or_a_random_one() -> None:
    assert current_key() != current_key()
    with request_key("order 1"):
        with request_key("order 2"):
            assert current_key() == "order 2"
        assert current_key() == "order 1"
    assert not current_key().startswith("order")


def test_each_task_has_its_own() -> None:
    async def serve(key: str) -> str:
        with request_key(key):
            await asyncio.sleep(0.001)
            return current_key()

    async def serve_all() -> list[str]:
        return await asyncio.gather(*map(serve, "abc"))

    assert asyncio.run(serve_all()) == ["a", "b", "c"]


@pytest.mark.parametrize("key", ["", 7, None])
def test_what_is_no_key(key: object) -> None:
    with pytest.raises(ConfigurationError, match="a request key is a text"), request_key(key):  # type: ignore[arg-type]
        pass
