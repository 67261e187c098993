"""One verdict for a video, by way of its frames.

A frame that shows the same as the one before it has that frame's verdict. Every other frame is
compared cheaply (``near``). These are checked in full: the first frame of each scene, every
:data:`EVERY` frames within it, the last frame, each frame that the cheap comparison finds near a
reference, and all between two checked frames whose labels differ. Frames between two with one label
have that label too. So a copy that is shown for a second, of at least :data:`EVERY` frames, is
found as it would be in an image; one that is shown for a moment, if the cheap comparison finds it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.pipelines.pictures import Shown
from memguard.verdict import FrameSpan, Label, Verdict

log = logging.getLogger("memguard")

EVERY = 6
"""Frames after which one is checked in full: each second of a video of 6 frames a second or more
has one. Video models make 7 to 30 frames a second."""

BATCH = 16
"""Frames that are checked together, which bounds memory. Chosen by hand."""

COMPARED_PX = 32
"""Edge of the squares in which frames are compared with each other."""

SAME_LEVELS = 6.0
"""Greatest difference there, in levels of 255, of frames that show the same. Chosen by hand: noise
and compression stay below it."""

SCENE_LEVELS = 24.0
"""Mean difference there at which a new scene begins. Chosen by hand: motion stays below it."""

SEVERITY: tuple[Label, ...] = ("uninformative", "clear", "similar", "unchecked", "memorized")
"""Labels of frames; that of a video is the gravest."""

Detect = Callable[[Sequence[Image.Image]], list[Verdict]]
Near = Callable[[Sequence[Image.Image]], Sequence[bool]]


def verdict_on_video(
    pictures: Sequence[Shown], detect: Detect, near: Near, other: Callable[[Shown], Verdict]
) -> Verdict:
    """The gravest verdict on a frame, which names the frames.

    Args:
        pictures: the frames, at least one; each is read when it is needed, and not kept.
        detect: one verdict for each image, in full.
        near: whether each image may be near a reference.
        other: the verdict on a frame that is no image.
    """
    like, scenes, found = _alike(pictures, other)
    chosen = _chosen(like, scenes, found)
    rest = [i for i in sorted({*like}) if i not in found and i not in chosen]
    chosen |= {i for i, is_near in zip(rest, _nearness(pictures, rest, near)) if is_near}
    _check(pictures, chosen, detect, found)
    between = {
        i
        for first, last in pairwise(sorted(found))
        if found[first].label != found[last].label
        for i in range(first + 1, last)
        if like[i] == i
    }
    _check(pictures, between, detect, found)
    labels = list(_labels(like, found))
    gravest = max(found.values(), key=lambda one: (SEVERITY.index(one.label), one.score))
    return _named(gravest, labels, len(found))


def _alike(
    pictures: Sequence[Shown], other: Callable[[Shown], Verdict]
) -> tuple[list[int], set[int], dict[int, Verdict]]:
    """For each frame the one whose picture it shows; where scenes begin; verdicts on no images."""
    like: list[int] = []
    scenes: set[int] = set()
    found: dict[int, Verdict] = {}
    last: NDArray[np.float32] | None = None
    for i, picture in enumerate(pictures):
        if not isinstance(picture, Image.Image):
            found[i] = other(picture)
            last = None
            like.append(i)
            continue
        square = _square(picture)
        difference = None if last is None else np.abs(square - last)
        if difference is not None and float(difference.max()) <= SAME_LEVELS:
            like.append(like[-1])
            continue
        if difference is None or float(difference.mean()) >= SCENE_LEVELS:
            scenes.add(i)
        like.append(i)
        last = square
    return like, scenes, found


def _square(picture: Image.Image) -> NDArray[np.float32]:
    """Colours and alpha, each shrunk by itself: Pillow blackens what is transparent."""
    layers = picture.convert("RGBA")
    return np.dstack(
        [
            np.asarray(one.resize((COMPARED_PX, COMPARED_PX), Image.Resampling.BOX), np.float32)
            for one in (layers.convert("RGB"), layers.getchannel("A"))
        ]
    )


def _chosen(like: Sequence[int], scenes: set[int], found: dict[int, Verdict]) -> set[int]:
    """The frames that are checked in full in any case."""
    chosen = set(scenes)
    last = -EVERY
    own = [i for i, one in enumerate(like) if one == i and i not in found]
    for i in own:
        if i in scenes or i - last >= EVERY:
            chosen.add(i)
            last = i
    return chosen | set(own[-1:])


def _nearness(pictures: Sequence[Shown], wanted: Sequence[int], near: Near) -> list[bool]:
    """Whether each frame may be near a reference; all of them where that cannot be told."""
    try:
        return [is_near for batch in _batches(wanted) for is_near in near(_images(pictures, batch))]
    except Exception:
        log.exception("memguard checks every frame in full: the cheap comparison failed")
        return [True] * len(wanted)


def _check(
    pictures: Sequence[Shown], wanted: Iterable[int], detect: Detect, found: dict[int, Verdict]
) -> None:
    for batch in _batches(sorted(set(wanted) - {*found})):
        found.update(zip(batch, detect(_images(pictures, batch)), strict=True))


def _batches(wanted: Sequence[int]) -> Iterator[Sequence[int]]:
    return (wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH))


def _images(pictures: Sequence[Shown], wanted: Sequence[int]) -> list[Image.Image]:
    read = [pictures[i] for i in wanted]
    return [one for one in read if isinstance(one, Image.Image)]


def _labels(like: Sequence[int], found: dict[int, Verdict]) -> Iterator[Label]:
    """The label of each frame: its own, or that of the checked frames around it."""
    label: Label = "unchecked"
    for one in like:
        if one in found:
            label = found[one].label
        yield label


def _named(verdict: Verdict, labels: Sequence[Label], checked: int) -> Verdict:
    """The verdict, with the frames of each label that is not clear."""
    runs = [(label, list(run)) for label, run in groupby(range(len(labels)), labels.__getitem__)]
    spans = tuple(
        FrameSpan(run[0], run[-1], label)
        for label, run in runs
        if label not in ("clear", "uninformative")
    )
    of = f"of {len(labels)}"
    if not spans:
        why = f"{checked} frames {of} checked in full, the others cheaply: {verdict.why}"
    else:
        named = ", ".join(str(one) for one in spans if one.label == verdict.label)
        why = f"frames {named} {of}: {verdict.why}"
    return replace(verdict, frames=spans, why=why)
