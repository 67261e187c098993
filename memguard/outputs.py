"""The images inside whatever a pipeline returned: find them, read them, replace some.

Knows the shapes of ``diffusers`` outputs without importing it: an object with ``images``, a tuple
whose first element are the images, a mapping with ``"images"``, or the images themselves; as
Pillow images, NumPy arrays or torch tensors, one or a batch, nested in lists or not.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.errors import UnsupportedOutputError

GREY = 127
"""The level of a placeholder, of 255."""

SIGNED_BELOW = -0.01
"""Floats below this mean levels in [-1, 1] (DeepFloyd IF's ``pt``), not rounding in [0, 1]."""

BYTES_ABOVE = 2.0
"""Floats above this mean levels in [0, 255]."""


@dataclass(frozen=True)
class Output:
    """What a pipeline returned, taken apart. Positions count its images in order.

    Attributes:
        pictures: every image as a Pillow image, for the check.
        pieces: the same images as the pipeline gave them: Pillow images, or rows of a batch.
        blank: position -> a neutral piece of the same type, shape and dtype, which says nothing
            of the image it stands for.
        replaced: {position: piece} -> the same output, of the same classes, with those images
            exchanged and all others untouched.
    """

    pictures: list[Image.Image]
    pieces: list[Any]
    blank: Callable[[int], Any]
    replaced: Callable[[Mapping[int, Any]], Any]


def take_apart(output: Any) -> Output:
    """Find the images in a pipeline's output.

    Raises:
        UnsupportedOutputError: there are none, or their levels are not finite numbers.
    """
    return within(output, _leaf)


def within(output: Any, read: Callable[[Any], Output]) -> Output:
    """Take the images' value out of its container, read it, and put it back when replaced."""
    if isinstance(output, Mapping) and "images" in output:
        return _contained(read(output["images"]), lambda images: _with_images(output, images))
    if hasattr(output, "images"):
        return _contained(read(output.images), lambda images: _with_images(output, images))
    if isinstance(output, tuple) and output and not isinstance(output[0], Image.Image):
        return _contained(read(output[0]), lambda images: (images, *output[1:]))
    return read(output)


def _contained(leaf: Output, wrap: Callable[[Any], Any]) -> Output:
    return Output(leaf.pictures, leaf.pieces, leaf.blank, lambda new: wrap(leaf.replaced(new)))


def _with_images(output: Any, images: Any) -> Any:
    changed = copy.copy(output)
    if isinstance(changed, MutableMapping):
        changed["images"] = images
    if hasattr(changed, "images"):
        changed.images = images
    return changed


def _leaf(value: Any) -> Output:
    if isinstance(value, Image.Image):
        return Output([value], [value], lambda _: _grey(value), lambda new: new.get(0, value))
    if isinstance(value, (list, tuple)) and value:
        return _sequence(value)
    if isinstance(value, np.ndarray):
        return stacked(value, _Levels.of(value, channels_first=False), value.copy)
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        plain = value.detach().cpu()
        levels = (plain.float() if plain.is_floating_point() else plain).numpy()
        return stacked(value, _Levels.of(levels, channels_first=True), value.clone)
    raise UnsupportedOutputError(
        f"memguard found no images in an output of type {type(value).__name__}; return Pillow "
        "images, arrays or tensors, bare, first in a tuple, or as `images`"
    )


def _grey(image: Image.Image) -> Image.Image:
    return Image.new("RGB", image.size, (GREY, GREY, GREY)).convert(image.mode)


def _sequence(values: Sequence[Any]) -> Output:
    leaves = [_leaf(value) for value in values]
    starts = list(accumulate((len(leaf.pieces) for leaf in leaves), initial=0))
    owners = [(leaf, start) for leaf, start in zip(leaves, starts) for _ in leaf.pieces]

    def blank(i: int) -> Any:
        leaf, start = owners[i]
        return leaf.blank(i - start)

    def replaced(new: Mapping[int, Any]) -> Any:
        parts = [
            leaf.replaced({i - start: piece for i, piece in new.items() if start <= i < stop})
            for leaf, start, stop in zip(leaves, starts, starts[1:])
        ]
        return parts if isinstance(values, list) else tuple(parts)

    return Output(
        [picture for leaf in leaves for picture in leaf.pictures],
        [piece for leaf in leaves for piece in leaf.pieces],
        blank,
        replaced,
    )


@dataclass(frozen=True)
class _Levels:
    """A batch of images as numbers, and what the numbers mean.

    Attributes:
        images: shape (n, h, w, c).
        low, high: the levels of black and of white.
    """

    images: NDArray[Any]
    low: float
    high: float

    @classmethod
    def of(cls, array: NDArray[Any], *, channels_first: bool) -> _Levels:
        """Read an array; where both axis orders are possible, ``channels_first`` decides."""
        if array.ndim not in (3, 4) or 0 in array.shape:
            raise UnsupportedOutputError(
                f"an array of shape {array.shape} is neither an image nor a batch of images"
            )
        images = array if array.ndim == 4 else array[None]
        first, last = images.shape[1] in (1, 3), images.shape[3] in (1, 3, 4)
        if not (first or last):
            raise UnsupportedOutputError(
                f"an array of shape {array.shape} has no axis of 1 or 3 channels; are these "
                'latents? Call the pipeline with output_type "pil", "np" or "pt"'
            )
        if first and (channels_first or not last):
            images = images.transpose(0, 2, 3, 1)
        if not np.isfinite(images).all():
            raise UnsupportedOutputError("the generated image holds NaN or infinite levels")
        return cls(images, *_range(images))

    def pictures(self) -> list[Image.Image]:
        unit = (self.images.astype(np.float32) - self.low) / (self.high - self.low)
        levels = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
        return [
            Image.fromarray(image[..., 0] if image.shape[2] == 1 else image) for image in levels
        ]


def stacked(value: Any, levels: _Levels, clone: Callable[[], Any]) -> Output:
    """The output that an array or tensor of one image or a batch of them is."""
    single = value.ndim == 3

    def blank(i: int) -> Any:
        row = clone() if single else clone()[i]
        row[...] = levels.low + (levels.high - levels.low) * GREY / 255
        return row

    def replaced(new: Mapping[int, Any]) -> Any:
        if not new or single:
            return new.get(0, value)
        changed = clone()
        for i, piece in new.items():
            changed[i] = piece
        return changed

    return Output(levels.pictures(), [value] if single else list(value), blank, replaced)


def _range(images: NDArray[Any]) -> tuple[float, float]:
    if images.dtype == np.bool_:
        return 0.0, 1.0
    if np.issubdtype(images.dtype, np.integer) or images.max() > BYTES_ABOVE:
        return 0.0, 255.0
    return (-1.0, 1.0) if images.min() < SIGNED_BELOW else (0.0, 1.0)
