"""Explanations: the verdict of the guard, the right reference, and a picture that shows it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fixtures.explanation_panels import alike, panel
from PIL import Image, ImageOps

from memguard import Guard
from memguard.detection.detector import Detector
from memguard.report import explain
from memguard.report.evidence_image import MARGIN, PANEL


def test_a_mirrored_jpeg_copy(photograph_index: Path, detector: Detector, cat: Image.Image) -> None:
    stream = io.BytesIO()
    ImageOps.mirror(cat).save(stream, "JPEG", quality=30)
    query = Image.open(stream)
    explanation = explain(query, detector)
    assert explanation.verdict == Guard(photograph_index).check(query)[0]
    assert explanation.verdict.label == "memorized"
    comparison = explanation.comparison
    assert comparison is not None
    assert comparison.mirrored
    assert Path(comparison.match.uri).name == "chelsea.png"
    assert comparison.rms < 0.05
    assert comparison.mask.sum() == 12
    kept = comparison.tiles[comparison.mask].max()
    assert kept == pytest.approx(comparison.match.distances["masked_tiled_l2"], rel=1e-4)
    assert kept <= comparison.tiles[~comparison.mask].min()

    picture = explanation.draw()
    mirrored = ImageOps.mirror(cat)
    assert alike(panel(picture, 0, query.size), mirrored) > 0.98
    assert alike(panel(picture, 1, cat.size), mirrored) > 0.98  # shown as the query lies
    assert np.asarray(panel(picture, 2, cat.size)).mean() < 40  # next to no difference


def test_a_crop_is_laid_where_it_belongs(detector: Detector, cat: Image.Image) -> None:
    box = (100, 50, 350, 250)
    explanation = explain(cat.crop(box), detector)
    comparison = explanation.comparison
    assert explanation.verdict.label == "memorized"
    assert comparison is not None
    assert comparison.alignment is not None
    rows, columns = np.nonzero(comparison.covered)
    scale = max(cat.size) / max(comparison.reference.pixels.shape)
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) * scale
    assert np.abs(seen - box).max() < 8
    share = (box[2] - box[0]) * (box[3] - box[1]) / (cat.width * cat.height)
    assert comparison.covered.mean() == pytest.approx(share, abs=0.03)
    assert comparison.rms < 0.06
    picture = explanation.draw()
    difference = np.asarray(panel(picture, 2, cat.size))
    assert (difference[4, 4] == 200).all()  # grey: the crop does not show this corner


def test_a_novel_photograph(detector: Detector, photographs: dict[str, Image.Image]) -> None:
    explanation = explain(photographs["rocket.jpg"], detector)
    assert explanation.verdict.label in ("clear", "similar")
    assert explanation.comparison is not None
    assert explanation.comparison.match.uri in explanation.verdict.why
    assert explanation.comparison.rms > 0.1
    assert explanation.draw().width == 4 * PANEL + 5 * MARGIN


def test_a_blank_image(detector: Detector, tmp_path: Path) -> None:
    explanation = explain(Image.new("LA", (300, 200), (255, 255)), detector)
    assert explanation.verdict.label == "uninformative"
    assert explanation.comparison is None
    assert explanation.to_json()["comparison"] is None
    explanation.draw().save(tmp_path / "blank.png")
