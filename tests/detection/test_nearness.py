"""The cheap comparison of a video's frames: copies with their framing are near, others are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.detection.nearness import may_be_near
from memguard.index.open import open_index
from memguard.vision.transforms import SIMULATED_COPIES


@pytest.fixture(scope="module")
def detector(gallery: Path) -> Detector:
    index = open_index(gallery)
    return Detector(index, load_descriptors(index.specs))


@pytest.mark.parametrize("kind", ["jpeg 30", "noise 60", "64 px", "mirror", "diffusion-like"])
def test_a_copy_is_near(detector: Detector, cat: Image.Image, kind: str) -> None:
    copied = SIMULATED_COPIES[kind](cat, np.random.default_rng(0))
    assert may_be_near(detector, [copied, cat]) == [True, True]


def test_noise_and_blank_images_are_not_near(detector: Detector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    novel = Image.fromarray(noise).resize((300, 200), Image.Resampling.BICUBIC)
    assert may_be_near(detector, [novel, Image.new("RGB", (64, 64), "red")]) == [False, False]


def test_every_image_may_be_near_where_nothing_cheap_tells(
    detector: Detector, cat: Image.Image
) -> None:
    dear = Detector(detector.index, [])
    assert may_be_near(dear, [cat, Image.new("RGB", (64, 64))]) == [True, True]
    assert may_be_near(detector, []) == []
