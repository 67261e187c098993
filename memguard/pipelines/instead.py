"""What is shown in place of what is withheld: a placeholder, or a video's last clear frame."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, get_args

from PIL import Image

from memguard.errors import ConfigurationError
from memguard.pipelines.pictures import Output, Shown, Video
from memguard.pipelines.placeholder import Placeholder, placeholder_for, require_placeholder
from memguard.verdict import Label, Verdict

Videos = Literal["span", "whole"]
"""What is withheld of a video with a copy in it. ``span``: those frames, in whose place the last
frame before them stands still; the placeholder where there is none. ``whole``: each frame."""


@dataclass(frozen=True)
class Instead:
    """What is shown instead.

    Attributes:
        placeholder: see :data:`~memguard.pipelines.placeholder.Placeholder`.
        videos: see :data:`Videos`.

    Raises:
        ConfigurationError: neither is one of these.
    """

    placeholder: Placeholder = "grey"
    videos: Videos = "span"

    def __post_init__(self) -> None:
        require_placeholder(self.placeholder)
        if self.videos not in get_args(Videos):
            names = ", ".join(get_args(Videos))
            raise ConfigurationError(f"unknown videos={self.videos!r}; choose one of {names}")

    def piece(
        self,
        output: Output,
        position: int,
        picture: Shown,
        verdict: Verdict,
        labels: Collection[Label] | None,
    ) -> Any:
        """A piece like the one at a position of an output, without what is withheld.

        Args:
            output, position: where it is withheld.
            picture: what is withheld, of the latest attempt.
            verdict: on it.
            labels: of a video, the labels of frames that are withheld; None for every frame.
        """
        if isinstance(picture, Video) and self.videos == "span" and labels is not None:
            frames = {
                i
                for span in verdict.frames
                if span.label in labels
                for i in range(span.first, span.last + 1)
            }
            if frames:
                return self._still(picture.frames, frames)
        return output.rendered(position, placeholder_for(_still_of(picture), self.placeholder))

    def _still(self, frames: Output, withheld: Collection[int]) -> Any:
        """The video, which stands still where frames are withheld."""
        new: dict[int, Any] = {}
        last: Any = None
        for i, piece in enumerate(frames.pieces):
            if i not in withheld:
                last = piece if piece is not None else last
            elif last is not None:
                new[i] = last
            else:
                shown = placeholder_for(frames.pictures[i], self.placeholder)
                new[i] = frames.rendered(i, shown)
        return frames.replaced(new)


def _still_of(picture: Shown) -> Shown | None:
    """A picture to make the placeholder of: of a video, its first frame."""
    if not isinstance(picture, Video):
        return picture
    return next((one for one in picture.frames.pictures if isinstance(one, Image.Image)), None)
