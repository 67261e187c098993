"""The checkpoint of a build."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from memguard import BuildError
from memguard.descriptors import weightless_descriptors
from memguard.files import read_checked, write_checked
from memguard.index.ingest.checkpoint import Checkpoint, SourceProgress
from memguard.index.store.manifest import BUILDING

SPECS = [descriptor.spec for descriptor in weightless_descriptors()]
PROGRESS = {"folder /a": SourceProgress("[1, 2]", 40), "hf:b": SourceProgress("é", 0)}
STORED = {
    "descriptors": [dataclasses.asdict(spec) for spec in SPECS],
    "reached": {
        "folder /a": {"position": "[1, 2]", "items": 40},
        "hf:b": {"position": "é", "items": 0},
    },
}
"""What every version of memguard has written."""


def test_round_trip(tmp_path: Path) -> None:
    assert Checkpoint.read(tmp_path) is None
    left = Checkpoint(SPECS, PROGRESS)
    left.write(tmp_path)
    assert Checkpoint.read(tmp_path) == left


def test_the_stored_keys_stay(tmp_path: Path) -> None:
    Checkpoint(SPECS, PROGRESS).write(tmp_path)
    written = (tmp_path / BUILDING).read_bytes()
    assert read_checked(written) == STORED
    write_checked(tmp_path / BUILDING, STORED)
    assert (tmp_path / BUILDING).read_bytes() == written
    assert Checkpoint.read(tmp_path) == Checkpoint(SPECS, PROGRESS)


def test_another_step_leaves_other_sources_as_they_were() -> None:
    before = Checkpoint(SPECS, PROGRESS)
    after = before.advanced("hf:b", SourceProgress("z", 3))
    assert after.sources == {**PROGRESS, "hf:b": SourceProgress("z", 3)}
    assert before.sources == PROGRESS


@pytest.mark.parametrize("damage", ["", "{}", "[]", "{", '{"descriptors": []}'])
def test_a_damaged_one_says_what_to_do(tmp_path: Path, damage: str) -> None:
    (tmp_path / BUILDING).write_text(damage)
    with pytest.raises(BuildError, match=r"building\.json is damaged .*delete it"):
        Checkpoint.read(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"descriptors": [{}]},
        {**STORED, "reached": {"a": {"items": "x"}}},
        {**STORED, "reached": {"a": {"position": "x"}}},
        {**STORED, "reached": {"a": {"position": "x", "items": 3, "bytes": 4}}},
        {**STORED, "descriptors": [{**STORED["descriptors"][0], "device": "cpu"}]},
    ],
)
def test_other_contents_say_what_to_do_too(tmp_path: Path, damage: dict[str, object]) -> None:
    write_checked(tmp_path / BUILDING, damage)
    with pytest.raises(BuildError, match=r"building\.json is damaged .*delete it"):
        Checkpoint.read(tmp_path)
