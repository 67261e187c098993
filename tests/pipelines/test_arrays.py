"""Arrays and tensors as images: axes, levels, and what is no image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.outputs import find_images

SIZE = 16


def levels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def batch() -> np.ndarray:
    """Two images as floats in [0, 1], shape (2, h, w, 3)."""
    return np.stack([levels(0), levels(1)]).astype(np.float32) / 255


def channels_first(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).movedim(-1, -3)


@pytest.mark.parametrize(
    "shape", [(2, 4, 8, 8), (2, 16, 64), (8, 8), (0, 8, 8, 3), (1, 3, 2, 8, 8)]
)
def test_arrays_that_are_no_images_are_refused(shape: tuple[int, ...]) -> None:
    for array in (np.zeros(shape, np.float32), torch.zeros(shape)):
        with pytest.raises(UnsupportedOutputError, match="array of shape"):
            find_images(array)


@pytest.mark.parametrize(
    ("to_levels", "dtype"),
    [
        (lambda unit: unit, np.float16),
        (lambda unit: unit, np.float64),
        (lambda unit: unit * 2 - 1, np.float32),
        (lambda unit: unit * 3.4 - 1.2, np.float32),
        (lambda unit: unit * 255, np.float32),
        (lambda unit: unit * 255, np.uint8),
        (lambda unit: unit * 255, np.int64),
        (lambda unit: unit * 65535, np.uint16),
    ],
    ids=["half", "double", "signed", "unclamped", "float bytes", "bytes", "int64", "16 bit"],
)
def test_levels_of_every_range_are_seen_as_the_picture(to_levels: Any, dtype: Any) -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, SIZE)[:, None], (1, SIZE, SIZE, 3)[1:]).copy()
    array = np.asarray(to_levels(ramp)).astype(dtype)
    output = find_images(array)
    seen = np.asarray(output.pictures[0], dtype=float) / 255
    expected = np.clip(ramp * 1.7 - 0.1, 0, 1) if array.min() < -1.1 else ramp
    assert np.abs(seen - expected).max() < 0.01
    blank = np.asarray(find_images(output.replaced({0: output.blank(0)})).pieces[0])
    assert blank.dtype == dtype
    assert np.ptp(blank) == 0


@pytest.mark.parametrize("level", [-1, 65536])
def test_integers_that_are_no_levels_are_refused(level: int) -> None:
    array = np.zeros((SIZE, SIZE, 3), np.int64)
    array[0, 0] = level
    with pytest.raises(UnsupportedOutputError, match="8 nor 16 bits"):
        find_images(array)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.asarray, channels_first])
def test_only_the_image_that_is_not_finite_is_unreadable(kind: Any, wrong: float) -> None:
    array = batch()
    array[1, 3, 3, 0] = wrong
    output = find_images(kind(array))
    assert np.array_equal(np.asarray(output.pictures[0]), levels(0))
    assert output.pictures[1] is None
    changed = np.asarray(output.replaced({1: output.blank(1)}))
    assert np.isfinite(changed).all()
    assert np.ptp(changed[1]) == 0


def test_grey_and_transparent_arrays() -> None:
    for channels, mode in ((1, "L"), (3, "RGB"), (4, "RGBA")):
        array = np.zeros((SIZE, SIZE, channels), np.uint8)
        assert find_images(array).pictures[0].mode == mode
    assert find_images(torch.zeros(1, 1, SIZE, SIZE)).pictures[0].mode == "L"
