"""The images in a pipeline's output: find them, read them, replace some.

Knows the shapes of ``diffusers`` outputs without importing it: an object with ``images``, a tuple
whose first element are the images, a mapping with ``"images"``, or the images themselves; as
Pillow images, NumPy arrays or torch tensors, one or a batch, nested in lists or not. Images in
other places of such a tuple or mapping are found too; everything else there is left as it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.arrays import ImageArray
from memguard.pipelines.containers import like, with_images, with_items
from memguard.verdict import Verdict

GREY = 127
"""Level of a placeholder, of 255."""


@dataclass(frozen=True)
class Output:
    """The images in what a pipeline returned. Positions count them in order.

    Attributes:
        pictures: every image as a Pillow image, for the check; None for one whose levels are not
            finite numbers.
        pieces: the same images as the pipeline gave them: Pillow images, or rows of a batch.
        blank: position -> a placeholder of the same type, shape and dtype that says nothing of the
            image.
        replaced: {position: piece} -> an output of the same classes, with those images exchanged
            and all others untouched; the very same output where nothing is exchanged.
    """

    pictures: list[Image.Image | None]
    pieces: list[Any]
    blank: Callable[[int], Any]
    replaced: Callable[[Mapping[int, Any]], Any]


def find_images(output: Any) -> Output:
    """Find the images in a pipeline's output.

    Raises:
        UnsupportedOutputError: there are none, or none that can be read.
    """
    return in_container(output, _images)


def in_container(output: Any, read: Callable[[Any], Output]) -> Output:
    """Read the images of an output with ``read``, and its other fields for further images."""
    if isinstance(output, Mapping) and "images" in output:
        names = list(output)
        fields = [
            read(output[name]) if name == "images" else _other(output[name]) for name in names
        ]
        return _joined(output, fields, lambda values: with_items(output, dict(zip(names, values))))
    if hasattr(output, "images"):
        return _joined(output, [read(output.images)], lambda values: with_images(output, *values))
    if isinstance(output, tuple) and output:
        elements = [read(output[0]), *map(_other, output[1:])]
        return _joined(output, elements, lambda values: like(output, values))
    return read(output)


def batch_output(
    batch: Any, pictures: list[Image.Image | None], blank: Callable[[int], Any]
) -> Output:
    """The output that an array or tensor with one image per row is."""

    def replaced(new: Mapping[int, Any]) -> Any:
        if not new:
            return batch
        changed = clone(batch)
        for position, piece in new.items():
            changed[position] = piece
        return changed

    return Output(pictures, list(batch), blank, replaced)


def clone(value: Any) -> Any:
    """A copy of an array or tensor."""
    return value.copy() if isinstance(value, np.ndarray) else value.clone()


def labelled(output: Any, verdicts: Sequence[Verdict]) -> Any:
    """The output, with its verdicts where it is an object that takes them."""
    if hasattr(output, "images"):
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            output.memorization = list(verdicts)
    return output


def _other(value: Any) -> Output:
    """A field that need not hold images: read if it does, kept if it does not."""
    return _images(value) if _holds_images(value) else _joined(value, [], lambda _: value)


def _holds_images(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_images, value))
    try:
        return bool(_images(value).pieces)
    except UnsupportedOutputError:
        return False


def _joined(whole: Any, parts: Sequence[Output], rebuilt: Callable[[list[Any]], Any]) -> Output:
    """The output that consists of these parts, one after the other."""
    starts = list(accumulate((len(part.pieces) for part in parts), initial=0))
    owners = [(part, start) for part, start in zip(parts, starts) for _ in part.pieces]

    def blank(position: int) -> Any:
        part, start = owners[position]
        return part.blank(position - start)

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


def _images(value: Any) -> Output:
    """The images of a value that is an image, an array, a tensor, or a list of such."""
    if isinstance(value, Image.Image):
        if 0 in value.size:
            raise UnsupportedOutputError(
                f"an image of {value.width} x {value.height} pixels shows nothing to check"
            )
        return Output([value], [value], lambda _: _grey(value), lambda new: new.get(0, value))
    if isinstance(value, (list, tuple)):
        return _joined(value, list(map(_images, value)), lambda values: like(value, values))
    if isinstance(value, np.ndarray):
        return _array(value, ImageArray.of(value, channels_first=False))
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        plain = value.detach().cpu()
        levels = (plain.float() if plain.is_floating_point() else plain).numpy()
        return _array(value, ImageArray.of(levels, channels_first=True))
    raise UnsupportedOutputError(
        f"memguard found no images in an output of type {type(value).__name__}; return Pillow "
        "images, arrays or tensors, bare, first in a tuple, or as `images`"
    )


def _grey(image: Image.Image) -> Image.Image:
    return Image.new("RGB", image.size, (GREY, GREY, GREY)).convert(image.mode)


def _array(value: Any, array: ImageArray) -> Output:
    """The output that an array or tensor is, of one image or a batch of them."""
    single = value.ndim == 3

    def blank(position: int) -> Any:
        placeholder = clone(value if single else value[position])
        placeholder[...] = array.level(GREY)
        return placeholder

    if single:
        return Output(array.pictures(), [value], blank, lambda new: new.get(0, value))
    return batch_output(value, array.pictures(), blank)
