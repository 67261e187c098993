"""The shortened structure: its bound, and how near that is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from memguard.vision.layout import BYTES, Layout, least_distances, shorten
from memguard.vision.picture import Picture
from memguard.vision.structure import SIDE_PX


def test_the_bound_is_below_every_distance_and_near_it(
    photographs: dict[str, Image.Image],
) -> None:
    pictures = [Picture(image) for image in photographs.values()]
    stored = [Layout.from_bytes(picture.layout.to_bytes()) for picture in pictures]
    gaps = []
    for picture in pictures:
        for view in (picture, picture.mirrored(), picture.inverted()):
            bounds = least_distances(view.coarse, stored)
            true = np.array([1 - float(view.coarse @ other.coarse) for other in pictures])
            assert (bounds <= true).all()
            gaps.append(true - bounds)
    assert np.mean(gaps) < 0.05


def test_fine_structure_that_is_left_out_widens_the_bound() -> None:
    """Stripes of four pixels lie above the frequencies that are kept."""
    stripes = np.tile((np.arange(SIDE_PX) // 2 % 2).astype(np.float32), (SIDE_PX, 1))
    coarse = np.repeat(stripes[..., None] - 0.5, 3, axis=2).reshape(-1)
    coarse /= np.linalg.norm(coarse)
    found = shorten(coarse)
    assert found.left_out > 0.9
    assert least_distances(coarse, [found])[0] <= 0


def test_a_flat_picture_has_a_layout_too() -> None:
    flat = np.zeros(SIDE_PX * SIDE_PX * 3, np.float32)
    found = shorten(flat)
    assert not found.levels.any()
    assert least_distances(flat, [found])[0] == pytest.approx(1, abs=1e-3)


def test_a_layout_is_less_than_a_kilobyte(cat: Image.Image) -> None:
    data = Picture(cat).layout.to_bytes()
    assert len(data) == BYTES == 780
    assert Layout.from_bytes(data).to_bytes() == data
    with pytest.raises(ValueError, match="780 bytes, not 779"):
        Layout.from_bytes(data[1:])
