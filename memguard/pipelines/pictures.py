"""What an output shows, position by position: images, videos, nothing, or what cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

from PIL import Image


@dataclass(frozen=True)
class Unreadable:
    """An image that is there and cannot be read."""

    reason: str


@dataclass(frozen=True)
class Absent:
    """``None`` in a list of images, as where a pipeline's own safety checker took one out."""


@dataclass(frozen=True)
class Video:
    """A video, whose frames are the positions of an output of its own."""

    frames: Output


Shown: TypeAlias = Image.Image | Video | Absent | Unreadable


@dataclass(frozen=True)
class Output:
    """The images and videos in what a pipeline returned. Positions count them in order.

    Attributes:
        pictures: what is to be checked at each position.
        pieces: the same as the pipeline gave it: Pillow images, rows of a batch, bytes ...
        rendered: a position and an RGB image -> a piece like the one there (type, shape, dtype,
            encoding) that shows this image instead, and nothing of the piece itself.
        replaced: {position: piece} -> an output of the same classes, with those pieces exchanged
            and all others untouched; the very same output where nothing is exchanged.
    """

    pictures: Sequence[Shown]
    pieces: Sequence[Any]
    rendered: Callable[[int, Image.Image], Any]
    replaced: Callable[[Mapping[int, Any]], Any]

    def all_rendered(self, image: Image.Image) -> Any:
        """The output with this image in each place."""
        return self.replaced({i: self.rendered(i, image) for i in range(len(self.pieces))})


def one(picture: Shown, piece: Any, rendered: Callable[[Image.Image], Any]) -> Output:
    """The output that a single piece is."""
    return Output(
        [picture], [piece], lambda _, image: rendered(image), lambda new: new.get(0, piece)
    )


def joined(whole: Any, parts: Sequence[Output], rebuilt: Callable[[list[Any]], Any]) -> Output:
    """The output that consists of these parts, one after the other."""
    starts = list(accumulate((len(part.pieces) for part in parts), initial=0))
    owners = [(part, start) for part, start in zip(parts, starts) for _ in part.pieces]

    def rendered(position: int, image: Image.Image) -> Any:
        part, start = owners[position]
        return part.rendered(position - start, image)

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
        rendered,
        replaced,
    )


def without_pictures(value: Any) -> Output:
    """The output that shows nothing, and stays as it is."""
    return joined(value, [], lambda _: value)
