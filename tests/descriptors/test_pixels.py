"""The pixel descriptor against Pillow's box filter and SciPy's Gaussian one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from memguard.descriptors.base import distances
from memguard.descriptors.pixels import SCALE, SIDE_PX, Pixels
from memguard.vision.picture import Picture


def row(image: Image.Image) -> np.ndarray:
    descriptor = Pixels()
    return descriptor.describe([descriptor.prepare(Picture(image))])[0]


def test_rows_are_the_shrunken_image_over_its_surroundings(
    photographs: dict[str, Image.Image],
) -> None:
    for name, image in photographs.items():
        small = np.asarray(image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)) / 255
        detail = small - gaussian_filter(small, (SCALE.window, SCALE.window, 0), mode="mirror")
        detail -= detail.mean(axis=(0, 1))
        energy = gaussian_filter(np.square(detail).mean(axis=2), SCALE.window, mode="mirror")
        detail /= (np.sqrt(energy) + SCALE.floor * detail.std())[..., None]
        expected = (detail / np.linalg.norm(detail)).reshape(-1)
        assert row(image).shape == (Pixels().spec.width,)
        assert float(np.linalg.norm(row(image))) == pytest.approx(1, abs=1e-5)
        assert float(row(image) @ expected) > 0.995, name


def test_tones_do_not_count_and_another_photograph_is_far(
    photographs: dict[str, Image.Image],
) -> None:
    cat, coffee = photographs["chelsea.png"], photographs["coffee.png"]
    pale = Image.eval(cat, lambda level: level // 2 + 90)
    rows = np.stack([row(pale), row(coffee)])
    near, far = distances(Pixels().spec, row(cat), rows)
    assert near < 0.01 < 0.7 < far


def test_a_flat_image_is_far_from_everything(cat: Image.Image) -> None:
    flat = row(Image.new("RGB", (300, 200), "grey"))
    assert not flat.any()
    assert distances(Pixels().spec, flat, np.stack([flat, row(cat)])).tolist() == [1, 1]
