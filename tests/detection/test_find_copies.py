"""All references that an image copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.detection.find_copies import find_copies
from memguard.errors import ConfigurationError
from memguard.index.open import open_index
from memguard.lifecycle import build_index

VERSIONS = 12


@pytest.fixture(scope="module")
def detector(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> Detector:
    """An index of more versions of a cat than a verdict or a search shows, and a coffee cup."""
    images = tmp_path_factory.mktemp("versions") / "images"
    images.mkdir()
    for number in range(VERSIONS):
        photographs["chelsea.png"].save(images / f"cat{number:02d}.jpg", quality=40 + 4 * number)
    photographs["coffee.png"].save(images / "coffee.png")
    output = images.parent / "index"
    build_index(images, output, weights={}, calibrate=False, workers=0)
    index = open_index(output)
    return Detector(index, load_descriptors(index.specs))


def test_every_version_is_found(detector: Detector, cat: Image.Image) -> None:
    found = find_copies(detector, cat)
    assert sorted(Path(match.uri).stem for match in found) == [
        f"cat{number:02d}" for number in range(VERSIONS)
    ]
    assert len(detector.index) == VERSIONS + 1, "the detector keeps its index"


def test_a_novel_photograph_copies_nothing(
    detector: Detector, photographs: dict[str, Image.Image]
) -> None:
    assert find_copies(detector, photographs["rocket.jpg"]) == []


def test_a_blank_image_is_refused(detector: Detector) -> None:
    with pytest.raises(ConfigurationError, match="the image is blank"):
        find_copies(detector, Image.new("RGB", (40, 40), "white"))
