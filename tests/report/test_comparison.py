"""Where a query covers its reference, and how far the two differ."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from memguard.detection.detector import Detector
from memguard.report import explain
from memguard.report.comparison import Comparison, compare
from memguard.vision.picture import Picture


def compared(detector: Detector, image: Image.Image) -> Comparison:
    comparison = explain(image, detector).comparison
    assert comparison is not None
    return comparison


def test_the_outline_of_a_crop(detector: Detector, cat: Image.Image) -> None:
    box = (100, 50, 350, 250)
    comparison = compared(detector, cat.crop(box))
    scale = max(cat.size) / max(comparison.reference.pixels.shape)
    corners = [(100, 50), (350, 50), (350, 250), (100, 250)]
    assert np.abs(comparison.outline * scale - corners).max() < 5


def test_a_darker_mirrored_copy_differs_in_tones_alone(
    detector: Detector, cat: Image.Image
) -> None:
    dark = Image.eval(ImageOps.mirror(cat), lambda level: level // 2)
    comparison = compared(detector, dark)
    assert comparison.mirrored
    assert comparison.rms > 0.1
    assert comparison.toned_rms < 0.03


def test_how_an_alignment_turns_and_stretches(detector: Detector, cat: Image.Image) -> None:
    turned = compared(detector, cat.rotate(20, expand=True, fillcolor="white"))
    assert abs(turned.turn) == pytest.approx(20, abs=1)
    assert turned.stretch == pytest.approx(1, abs=0.03)
    narrow = dataclasses.replace(compared(detector, cat.resize((300, 300))), alignment=None)
    assert narrow.turn == 0
    assert narrow.stretch == pytest.approx(451 / 300, abs=0.02)


def test_a_reference_that_was_removed(detector: Detector, cat: Image.Image) -> None:
    match = compared(detector, cat).match
    gone = dataclasses.replace(match, id="0" * len(match.id))
    assert compare(Picture(cat), gone, detector.index) is None
    assert compare(Picture(cat), match, detector.index) is not None


def test_a_template_copy_is_aligned(
    detector: Detector, cat: Image.Image, photographs: dict[str, Image.Image]
) -> None:
    """Where most is another picture, neither the whole nor the overlap is much alike."""
    width, height = cat.size
    template = cat.copy()
    template.paste(photographs["rocket.jpg"].resize((width, 2 * height // 3)))
    comparison = compared(detector, template)
    distances = comparison.match.distances
    assert distances["aligned_structure"] > distances["structure"] > 0.4
    assert comparison.alignment is not None
    assert comparison.difference[-8, -8] < 0.05


def test_a_changed_region_is_masked_out(detector: Detector, cat: Image.Image) -> None:
    query = cat.copy()
    width, height = cat.size
    ImageDraw.Draw(query).rectangle((0, 0, width // 4 - 1, height // 4 - 1), fill="red")
    comparison = compared(detector, query)
    assert not comparison.mask[0, 0]
    assert comparison.tiles[0, 0] == comparison.tiles.max()
    assert comparison.difference[4, 4] > 0.2
    assert comparison.toned_tiles.argmax() == 0
    assert comparison.toned_tiles[0, 0] > 0.15 > comparison.toned_tiles[1:].max()
    assert comparison.difference[-8, -8] < 0.05
