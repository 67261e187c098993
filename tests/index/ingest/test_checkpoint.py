"""What a build that has not finished leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard import BuildError
from memguard.descriptors import weightless_descriptors
from memguard.index.ingest.checkpoint import Reached, Unfinished
from memguard.index.store.manifest import BUILDING

SPECS = [descriptor.spec for descriptor in weightless_descriptors()]


def test_round_trip(tmp_path: Path) -> None:
    assert Unfinished.read(tmp_path) is None
    left = Unfinished(SPECS, {"folder /a": Reached("[1, 2]", 40), "hf:b": Reached("é", 0)})
    left.write(tmp_path)
    assert Unfinished.read(tmp_path) == left


@pytest.mark.parametrize("damage", ["", "{}", "[]", "{", '{"descriptors": []}'])
def test_a_damaged_one_says_what_to_do(tmp_path: Path, damage: str) -> None:
    (tmp_path / BUILDING).write_text(damage)
    with pytest.raises(BuildError, match=r"building\.json is damaged .*delete it"):
        Unfinished.read(tmp_path)
