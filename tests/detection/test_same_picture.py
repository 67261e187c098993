"""Which references an image shows whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.series_index import right_eye
from PIL import Image, ImageOps

from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.detection.same_picture import find_same
from memguard.index.open import open_index
from memguard.vision.picture import Picture
from memguard.vision.transforms import SIMULATED_COPIES


@pytest.fixture(scope="module")
def detector(series: Path) -> Detector:
    index = open_index(series)
    return Detector(index, load_descriptors(index.specs))


def shown(detector: Detector, image: Image.Image) -> list[str]:
    return [Path(match.uri).name for match in find_same(detector, Picture(image))]


def test_only_the_picture_itself_of_a_series(
    detector: Detector, photographs: dict[str, Image.Image]
) -> None:
    assert shown(detector, photographs["motorcycle_left.png"]) == ["left.png"]
    assert shown(detector, right_eye()) == ["right.png"]


def test_all_its_files(detector: Detector, cat: Image.Image) -> None:
    assert sorted(shown(detector, cat)) == ["cat.bmp", "cat.png"]
    assert sorted(shown(detector, ImageOps.mirror(cat))) == ["cat.bmp", "cat.png"]


@pytest.mark.parametrize("kind", ["jpeg 30", "64 px", "colour"])
def test_edits_of_the_whole_picture(detector: Detector, cat: Image.Image, kind: str) -> None:
    edited = SIMULATED_COPIES[kind](cat, np.random.default_rng(0))
    assert len(shown(detector, edited)) == 2


@pytest.mark.parametrize("kind", ["crop 80", "inset 60", "text+border"])
def test_a_part_is_not_the_picture(detector: Detector, cat: Image.Image, kind: str) -> None:
    edited = SIMULATED_COPIES[kind](cat, np.random.default_rng(0))
    assert detector.detect([edited])[0].label == "memorized"
    assert shown(detector, edited) == []


def test_novel_and_blank_images_show_nothing(
    detector: Detector, photographs: dict[str, Image.Image]
) -> None:
    assert shown(detector, photographs["rocket.jpg"]) == []
    assert shown(detector, Image.new("RGB", (64, 64))) == []


def test_references_that_are_exempt_are_found(detector: Detector, cat: Image.Image) -> None:
    ids = {match.id: "quarantined" for match in find_same(detector, Picture(cat))}
    assert len(shown(detector.exempting(ids), cat)) == 2
