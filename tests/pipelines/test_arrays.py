"""Arrays and tensors as images: axes, levels, and what is no image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.levels import NOT_FINITE
from memguard.pipelines.outputs import find_images
from memguard.pipelines.pictures import Unreadable, Video

SIZE = 16
BLANK = Image.new("RGB", (1, 1), (127, 127, 127))


def levels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def batch() -> np.ndarray:
    """Two images as floats in [0, 1], shape (2, h, w, 3)."""
    return np.stack([levels(0), levels(1)]).astype(np.float32) / 255


def channels_first(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).movedim(-1, -3)


@pytest.mark.parametrize(
    "shape", [(2, 4, 8, 8), (2, 16, 64), (8, 8), (0, 8, 8, 3), (1, 5, 2, 8, 8)]
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
        (lambda unit: unit * 2.6 - 1.2, np.float32),
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
    expected = np.clip(ramp * 1.3 - 0.1, 0, 1) if array.min() < -1.1 else ramp
    assert np.abs(seen - expected).max() < 0.01
    blank = np.asarray(find_images(output.replaced({0: output.rendered(0, BLANK)})).pieces[0])
    assert blank.dtype == dtype
    assert np.ptp(blank) == 0


@pytest.mark.parametrize("level", [-1, 256, 1023, 4095, 65536])
def test_integers_that_are_no_levels_are_unreadable(level: int) -> None:
    array = np.zeros((SIZE, SIZE, 3), np.int64)
    array[0, 0] = level
    (picture,) = find_images(array).pictures
    assert isinstance(picture, Unreadable)
    assert "8 nor 16 bits" in picture.reason


@pytest.mark.parametrize(
    ("low", "high"), [(0, 2.2), (0, 15.9), (0, 1000), (-100, 1), (-3, 3), (-90, 255)]
)
def test_floats_that_are_no_levels_are_unreadable(low: float, high: float) -> None:
    """Clipped to a known range, they would look blank or washed out."""
    array = low + (high - low) * batch()[0]
    array[0, 0] = low, high, low
    (picture,) = find_images(array).pictures
    assert isinstance(picture, Unreadable)
    assert "far outside" in picture.reason


def test_levels_are_guessed_for_each_image() -> None:
    """Beside an image up to 60, one in [0, 1] is not black."""
    array = batch()
    array[0] *= 60
    first, second = find_images(array).pictures
    assert np.abs(np.asarray(first) - levels(0) * (60 / 255)).max() <= 1
    assert np.array_equal(np.asarray(second), levels(1))


def test_a_dark_image_beside_bright_ones_has_their_range() -> None:
    array = batch() * 255
    array[0] *= 10 / 255
    dark, _ = find_images(array).pictures
    assert np.abs(np.asarray(dark) - array[0]).max() <= 1
    signed = batch() * 2 - 1
    signed[0] = np.abs(signed[0])
    bright, _ = find_images(signed).pictures
    assert np.asarray(bright).min() >= 127


@pytest.mark.parametrize(
    "to_batch",
    [
        lambda video: video,
        lambda video: torch.from_numpy(video).movedim(-1, 2),
        lambda video: torch.from_numpy(video).movedim(-1, 1),
        lambda video: np.moveaxis(video, -1, 1),
    ],
    ids=["np", "pt", "pt, channels before frames", "np, channels before frames"],
)
def test_five_axes_are_videos(to_batch: Any) -> None:
    video = np.stack([batch()[[0, 1, 0, 1, 1]], batch()[[1, 1, 1, 1, 1]]])
    original = to_batch(video)
    output = find_images(original)
    first, second = output.pictures
    assert isinstance(first, Video)
    assert isinstance(second, Video)
    seen = [np.asarray(frame) for frame in first.frames.pictures]
    assert [int(np.array_equal(frame, levels(1))) for frame in seen] == [0, 1, 0, 1, 1]

    frames = first.frames
    changed = output.replaced({0: frames.replaced({2: frames.rendered(2, BLANK)})})
    assert (changed.dtype, changed.shape) == (original.dtype, original.shape)
    again = find_images(changed).pictures[0]
    assert [np.ptp(np.asarray(frame)) > 0 for frame in again.frames.pictures] == [1, 1, 0, 1, 1]
    whole = find_images(output.replaced({1: output.rendered(1, BLANK)})).pictures[1]
    assert all(np.ptp(np.asarray(frame)) == 0 for frame in whole.frames.pictures)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.asarray, channels_first])
def test_only_the_image_that_is_not_finite_is_unreadable(kind: Any, wrong: float) -> None:
    array = batch()
    array[1, 3, 3, 0] = wrong
    output = find_images(kind(array))
    assert np.array_equal(np.asarray(output.pictures[0]), levels(0))
    assert output.pictures[1] == Unreadable(NOT_FINITE)
    changed = np.asarray(output.replaced({1: output.rendered(1, BLANK)}))
    assert np.isfinite(changed).all()
    assert np.ptp(changed[1]) == 0


def test_grey_and_transparent_arrays() -> None:
    for channels, mode in ((1, "L"), (3, "RGB"), (4, "RGBA")):
        array = np.zeros((SIZE, SIZE, channels), np.uint8)
        assert find_images(array).pictures[0].mode == mode
    assert find_images(torch.zeros(1, 1, SIZE, SIZE)).pictures[0].mode == "L"
