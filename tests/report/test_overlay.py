"""A query laid over its reference."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.explanation_panels import alike
from PIL import Image, ImageOps

from memguard.detection.detector import Detector
from memguard.report import explain
from memguard.report.overlay import GREY, laid_over


def test_a_mirrored_crop_lies_where_it_belongs(detector: Detector, cat: Image.Image) -> None:
    box = (100, 50, 350, 250)
    comparison = explain(ImageOps.mirror(cat.crop(box)), detector).comparison
    assert comparison is not None
    over = laid_over(comparison, 451)
    assert over.size == pytest.approx(cat.size, abs=2)
    assert alike(over.crop(box), cat.crop(box)) > 0.97
    assert np.abs(np.asarray(over)[:30].astype(float) - GREY).max() < 80, "faded where it ends"
    assert over.crop((0, 0, 90, 300)).getextrema() != cat.crop((0, 0, 90, 300)).getextrema()


def test_small_and_large_images(detector: Detector, cat: Image.Image) -> None:
    for size in ((90, 60), (3000, 2000)):
        comparison = explain(cat.resize(size), detector).comparison
        assert comparison is not None
        over = laid_over(comparison, 300)
        assert max(over.size) == 300
        assert alike(over, cat) > 0.95
