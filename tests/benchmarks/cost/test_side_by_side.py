"""What a second core brings is measured, and is in the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.cost import WALL_FIGURES, side_by_side
from benchmarks.cost.__main__ import report
from memguard.index.open import open_index


def test_a_second_core(
    built: tuple[Path, object],
    photographs: dict[str, Image.Image],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(side_by_side, "ROUNDS", 1)
    index, images = open_index(built[0]), list(photographs.values())[:3]
    threads = side_by_side.batches(index, images)
    beside = side_by_side.beside_generation(index, images)
    assert (*threads, *beside) == WALL_FIGURES
    text = report({"60, batch 8": threads, "60, beside a generation": beside})
    assert f"60, beside a generation: ms alone {beside['ms alone']}" in text
