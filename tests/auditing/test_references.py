"""The training images of an index, as an audit sees them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from memguard.auditing import references
from memguard.auditing.references import ReferencePixels, duplicates_of, records_of
from memguard.index.open import open_index
from memguard.verdict import Match


def test_the_pixels_of_the_references(gallery: Path) -> None:
    found = ReferencePixels(open_index(gallery), 16)
    blocks = list(found)
    pixels = np.concatenate(blocks)
    assert pixels.shape == (4, 16, 16, 3)
    assert sorted(found.file_counts.tolist()) == [1, 1, 1, 3]
    assert np.array_equal(np.concatenate(list(found)), pixels), "as often as needed"


def test_records_come_in_blocks_in_the_order_of_the_index(
    gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = open_index(gallery)
    (whole,) = records_of(index)
    monkeypatch.setattr(references, "BLOCK_RECORDS", 3)
    blocks = list(records_of(index))
    assert [len(block) for block in blocks] == [3, 1]
    parts = [record.id for record in itertools.chain.from_iterable(blocks)]
    assert parts == [record.id for record in whole]
    assert len(set(parts)) == 4


def test_duplicates_are_files_and_near_duplicates() -> None:
    match = Match("x", "x.png", "as is", {}, exact_duplicates=3, near_duplicates=2)
    assert duplicates_of(match) == 4
