"""One verdict for each position of an output, whatever is there."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from memguard.pipelines.pictures import Shown, Unreadable, Video
from memguard.pipelines.video import Detect, Near, verdict_on_video
from memguard.verdict import Verdict

UNCHECKED = "the check could not run"


def verdicts_on(pictures: Sequence[Shown], detect: Detect, near: Near) -> list[Verdict]:
    """One verdict for each position, in order; all images of the output are detected together.

    Args:
        pictures: of an output.
        detect, near: see :func:`memguard.pipelines.video.verdict_on_video`.
    """
    found = iter(detect([one for one in pictures if isinstance(one, Image.Image)]))
    return [
        next(found) if isinstance(one, Image.Image) else _verdict(one, detect, near)
        for one in pictures
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


def _verdict(one: Shown, detect: Detect, near: Near) -> Verdict:
    if isinstance(one, Unreadable):
        return unchecked(one.reason)
    if isinstance(one, Video) and one.frames.pictures:
        return verdict_on_video(
            one.frames.pictures, detect, near, lambda frame: _verdict(frame, detect, near)
        )
    return Verdict("uninformative", 0.0, why="the pipeline gave no image here, but None")
