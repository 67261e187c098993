"""The parts of a check add up to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.cost import FORM_FIGURES
from benchmarks.cost.__main__ import PARTS, report
from benchmarks.cost.parts import cost_of
from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.index.open import open_index


def test_the_parts_of_a_check(
    built: tuple[Path, object], photographs: dict[str, Image.Image]
) -> None:
    index = open_index(built[0])
    detector = Detector(index, load_descriptors(index.specs))
    images = list(photographs.values())[:4]
    before = detector.detect(images[:1])
    cost = cost_of(detector, images, batch=2)
    assert cost.parts.keys() == set(PARTS)
    assert sum(cost.parts.values()) == pytest.approx(cost.total, rel=0.05)
    assert max(cost.parts, key=lambda part: cost.parts[part]) in ("describe", "compare", "decide")
    assert cost.median <= cost.p99
    assert detector.detect(images[:1]) == before
    text = report({"60, novel, batch 2": {**vars(cost)}, "bare descriptors": {"ms": 31.0}})
    assert f"| {cost.total} | {cost.median} | {cost.p99} |" in text


def test_forms_of_a_network_have_a_table_of_their_own() -> None:
    figures = dict(zip(FORM_FIGURES, (37.6, 37.2, 0.041, 0.035), strict=True))
    assert "| SSCD, int8 | 37.6 | 37.2 | 0.041 | 0.035 |" in report({"SSCD, int8": figures})
