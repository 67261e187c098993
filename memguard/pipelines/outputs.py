"""The images inside whatever a pipeline returned: find them, read them, replace some.

Knows the shapes of ``diffusers`` outputs without importing it: an object with ``images``, a tuple
whose first element are the images, a mapping with ``"images"``, or the images themselves; as
Pillow images, NumPy arrays or torch tensors, one or a batch, nested in lists or not. Images that
lie beside these in a tuple or mapping are found too; everything else there is left as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
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

BYTES_ABOVE = 16.0
"""Floats above this mean levels in [0, 255]: unclamped decoders overshoot [-1, 1], but not so far,
and bytes that stay below it show next to nothing."""

BYTE, WORD = 255, 65535
"""White, as integers of 8 and of 16 bits."""


@dataclass(frozen=True)
class Output:
    """What a pipeline returned, taken apart. Positions count its images in order.

    Attributes:
        pictures: every image as a Pillow image, for the check; None for one whose levels are not
            finite numbers.
        pieces: the same images as the pipeline gave them: Pillow images, or rows of a batch.
        blank: position -> a neutral piece of the same type, shape and dtype, which says nothing
            of the image it stands for.
        replaced: {position: piece} -> an output of the same classes, with those images exchanged
            and all others untouched; the very same output where nothing is exchanged.
    """

    pictures: list[Image.Image | None]
    pieces: list[Any]
    blank: Callable[[int], Any]
    replaced: Callable[[Mapping[int, Any]], Any]


def take_apart(output: Any) -> Output:
    """Find the images in a pipeline's output.

    Raises:
        UnsupportedOutputError: there are none, or none that can be read.
    """
    return within(output, _leaf)


def within(output: Any, read: Callable[[Any], Output]) -> Output:
    """Take the images' value out of its container, read it, and put it back when replaced."""
    if isinstance(output, Mapping) and "images" in output:
        names = list(output)
        fields = [
            read(output[name]) if name == "images" else _other(output[name]) for name in names
        ]
        return _joined(output, fields, lambda values: _with_items(output, dict(zip(names, values))))
    if hasattr(output, "images"):
        return _joined(output, [read(output.images)], lambda values: _with_images(output, *values))
    if isinstance(output, tuple) and output:
        elements = [read(output[0]), *map(_other, output[1:])]
        return _joined(output, elements, lambda values: _like(output, values))
    return read(output)


def _other(value: Any) -> Output:
    """Something beside the images: read if it shows images itself, kept if it does not."""
    return _leaf(value) if _shows_images(value) else _joined(value, [], lambda _: value)


def _shows_images(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_shows_images, value))
    try:
        return bool(_leaf(value).pieces)
    except UnsupportedOutputError:
        return False


def _joined(whole: Any, parts: Sequence[Output], rebuilt: Callable[[list[Any]], Any]) -> Output:
    """The output that holds these parts, one after the other."""
    starts = list(accumulate((len(part.pieces) for part in parts), initial=0))
    owners = [(part, start) for part, start in zip(parts, starts) for _ in part.pieces]

    def blank(i: int) -> Any:
        part, start = owners[i]
        return part.blank(i - start)

    def replaced(new: Mapping[int, Any]) -> Any:
        if not new:
            return whole
        return rebuilt(
            [
                part.replaced({i - start: piece for i, piece in new.items() if start <= i < stop})
                for part, start, stop in zip(parts, starts, starts[1:])
            ]
        )

    return Output(
        [picture for part in parts for picture in part.pictures],
        [piece for part in parts for piece in part.pieces],
        blank,
        replaced,
    )


def _like(values: Sequence[Any], changed: list[Any]) -> Any:
    if isinstance(values, list):
        return changed
    return values._make(changed) if hasattr(values, "_make") else tuple(changed)


def _with_items(output: Any, items: Mapping[str, Any]) -> Any:
    """A copy of a mapping with these items, which may be its attributes too."""
    changed = _copy(output)
    if not hasattr(changed, "__setitem__"):
        raise _unchangeable(output)
    for name, value in items.items():
        if value is not output[name]:
            changed[name] = value
    if getattr(changed, "images", changed["images"]) is not changed["images"]:
        return _with_images(changed, changed["images"])
    return changed


def _with_images(output: Any, images: Any) -> Any:
    """A copy of an object with these images, be it frozen or not."""
    if hasattr(output, "_replace"):
        return output._replace(images=images)
    changed = _copy(output)
    for set_attribute in (setattr, object.__setattr__):
        try:
            set_attribute(changed, "images", images)
        except (AttributeError, TypeError, ValueError):
            continue
        return changed
    raise _unchangeable(output)


def _copy(output: Any) -> Any:
    try:
        return copy.copy(output)
    except Exception as error:
        raise _unchangeable(output) from error


def _unchangeable(output: Any) -> UnsupportedOutputError:
    return UnsupportedOutputError(
        f"memguard cannot exchange the images in an output of type {type(output).__name__}; "
        "return a list of images, or an object whose `images` can be set"
    )


def _leaf(value: Any) -> Output:
    if isinstance(value, Image.Image):
        return Output([value], [value], lambda _: _grey(value), lambda new: new.get(0, value))
    if isinstance(value, (list, tuple)):
        return _joined(value, [_leaf(each) for each in value], lambda values: _like(value, values))
    if isinstance(value, np.ndarray):
        return _stacked(value, _Levels.of(value, channels_first=False), np.copy)
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        plain = value.detach().cpu()
        levels = (plain.float() if plain.is_floating_point() else plain).numpy()
        return _stacked(value, _Levels.of(levels, channels_first=True), lambda t: t.clone())
    raise UnsupportedOutputError(
        f"memguard found no images in an output of type {type(value).__name__}; return Pillow "
        "images, arrays or tensors, bare, first in a tuple, or as `images`"
    )


def _grey(image: Image.Image) -> Image.Image:
    return Image.new("RGB", image.size, (GREY, GREY, GREY)).convert(image.mode)


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
        return cls(images, *_range(images))

    def pictures(self) -> list[Image.Image | None]:
        return [self._picture(image) if np.isfinite(image).all() else None for image in self.images]

    def _picture(self, image: NDArray[Any]) -> Image.Image:
        unit = (image.astype(np.float32) - self.low) / (self.high - self.low)
        levels = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
        return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)


def _stacked(value: Any, levels: _Levels, clone: Callable[[Any], Any]) -> Output:
    """The output that an array or tensor of one image or a batch of them is."""
    single = value.ndim == 3

    def blank(i: int) -> Any:
        row = clone(value if single else value[i])
        row[...] = levels.low + (levels.high - levels.low) * GREY / 255
        return row

    def replaced(new: Mapping[int, Any]) -> Any:
        if not new or single:
            return new.get(0, value)
        changed = clone(value)
        for i, piece in new.items():
            changed[i] = piece
        return changed

    return Output(levels.pictures(), [value] if single else list(value), blank, replaced)


def _range(images: NDArray[Any]) -> tuple[float, float]:
    """The levels of black and of white, told from those that occur."""
    if images.dtype == np.bool_:
        return 0.0, 1.0
    finite = images[np.isfinite(images)]
    lowest, highest = finite.min(initial=0), finite.max(initial=0)
    if np.issubdtype(images.dtype, np.integer):
        if lowest < 0 or highest > WORD:
            raise UnsupportedOutputError(
                f"integer levels from {lowest} to {highest} are neither 8 nor 16 bits an image has"
            )
        return 0.0, float(BYTE if highest <= BYTE else WORD)
    if highest > BYTES_ABOVE:
        return 0.0, float(BYTE)
    return (-1.0, 1.0) if lowest < SIGNED_BELOW else (0.0, 1.0)
