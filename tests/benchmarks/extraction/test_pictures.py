"""Training sets with repeated pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.extraction.pictures import SIDE, Example, Pool


def example(name: str, source: str, caption: str) -> Example:
    return Example(name, source, np.zeros((SIDE, SIDE, 3), np.uint8), caption)


STAMPS = [example(f"stamp-{i}", f"source {i // 2}", f"Stamp {i}.") for i in range(10)]
PIECES = [example(f"piece-{i}", "photograph", "") for i in range(3)]
POOL = Pool(STAMPS, PIECES, [])


def test_repeated_pictures_come_first_and_from_different_sources() -> None:
    training = POOL.training_set({7: 1, 3: 2}, first=1)
    assert list(training.repeats) == [7, 3, 3, *[1] * 10]
    assert [one.name for one in training.examples[:3]] == ["stamp-2", "stamp-4", "stamp-6"]
    assert {one.name for one in training.examples} == {one.name for one in [*STAMPS, *PIECES]}


def test_a_captioned_set_has_stamps_only() -> None:
    training = POOL.training_set({2: 1}, first=0, captioned=True)
    assert all(one.caption for one in training.examples)
    assert len(training.examples) == len(STAMPS)


def test_a_folder_has_a_file_for_every_repeat(tmp_path: Path) -> None:
    folder = POOL.training_set({4: 1}, first=0).write(tmp_path / "training")
    assert len(list(folder.iterdir())) == 4 + len(STAMPS) + len(PIECES) - 1
    assert len(list(folder.glob("stamp-0-*.png"))) == 4
