"""Pillow images of modes whose levels have no fixed range."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from memguard.pipelines.pictures import Unreadable
from memguard.pipelines.pillow_images import pillow_output

BLANK = Image.new("RGB", (1, 1), (127, 127, 127))


@pytest.mark.parametrize("mode", ["F", "I", "I;16"])
@pytest.mark.parametrize("white", [1, 255, 65535])
def test_pillow_images_of_numbers_are_seen_as_the_picture(mode: str, white: int) -> None:
    if mode != "F" and white == 1:
        return
    grey = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    dtype = {"F": np.float32, "I": np.int32, "I;16": np.uint16}[mode]
    image = Image.fromarray((grey / 255 * white).astype(dtype))
    assert image.mode == mode
    (seen,) = pillow_output(image).pictures
    if mode == "F" and white == 65535:
        assert isinstance(seen, Unreadable)
        return
    assert np.abs(np.asarray(seen, dtype=float) - grey).max() <= 1
    blank = pillow_output(image).rendered(0, BLANK)
    assert (blank.mode, blank.size) == (mode, image.size)
    assert np.asarray(blank)[0, 0] == pytest.approx(127 / 255 * white, abs=1)
