"""A Ray build's items come out of the queue in order, and an error of the source after them."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fixtures.network_namespace import isolated

QUEUES = Path(__file__).parents[2] / "fixtures" / "ray_queues.py"


@pytest.fixture(scope="module")
def drained() -> dict[str, Any]:
    ran = subprocess.run(isolated(QUEUES), capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def test_all_items_come_out_in_chunks(drained: dict[str, Any]) -> None:
    chunks, error = drained["whole"]
    assert [len(chunk) for chunk in chunks] == [32, 32, 6]
    assert [*itertools.chain.from_iterable(chunks)] == list(range(70))
    assert error == ""


def test_an_error_of_the_source_ends_the_queue(drained: dict[str, Any]) -> None:
    chunks, error = drained["failing"]
    assert [*itertools.chain.from_iterable(chunks)] == list(range(32))
    assert error == "the disk is gone"


def test_a_full_queue_can_be_left(drained: dict[str, Any]) -> None:
    assert drained["left"] == 32
