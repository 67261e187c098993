"""One verdict for each position of an output, whatever is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image

from memguard.pipelines.pictures import Absent, Shown, Unreadable, Video
from memguard.verdict import Verdict

UNCHECKED = "the check could not run"

SEVERITY = ("uninformative", "clear", "similar", "unchecked", "memorized")
"""Labels of frames; that of a video is the gravest."""

Detect = Callable[[Sequence[Image.Image]], list[Verdict]]


def verdicts_on(pictures: Sequence[Shown], detect: Detect) -> list[Verdict]:
    """One verdict for each position, in order; all images of the output are detected together."""
    found = iter(detect([one for one in pictures if isinstance(one, Image.Image)]))
    return [
        next(found) if isinstance(one, Image.Image) else _verdict(one, detect) for one in pictures
    ]


def unchecked(reason: str) -> Verdict:
    """The verdict on an image that could not be checked."""
    return Verdict("unchecked", 0.0, why=f"{UNCHECKED}: {reason}")


def unreadable(pictures: Sequence[Shown]) -> list[str]:
    """Why images, or frames of videos, cannot be read."""
    reasons = []
    for one in pictures:
        if isinstance(one, Unreadable):
            reasons.append(one.reason)
        elif isinstance(one, Video):
            reasons += unreadable(one.frames.pictures)
    return reasons


def _verdict(one: Video | Absent | Unreadable, detect: Detect) -> Verdict:
    if isinstance(one, Unreadable):
        return unchecked(one.reason)
    if isinstance(one, Absent):
        return Verdict("uninformative", 0.0, why="the pipeline gave no image here, but None")
    frames = verdicts_on(one.frames.pictures, detect)
    return max(frames, key=lambda verdict: SEVERITY.index(verdict.label))
