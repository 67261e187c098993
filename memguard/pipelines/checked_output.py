"""The images of one guarded call with their verdicts: what a policy looks at and changes."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

from memguard.pipelines.call import Call
from memguard.pipelines.instead import Instead
from memguard.pipelines.outcome import Fate
from memguard.pipelines.pictures import Output, Shown
from memguard.stages import stage
from memguard.verdict import Label, Verdict

GREY_SPANS = Instead()

log = logging.getLogger("memguard")


class CheckedOutput:
    """What a call returned, checked, and what is shown of it.

    Args:
        output: what the call returned.
        call: the call, to make single images of it again.
        read: finds the images in what the call returns.
        check: one verdict per position.
        instead: what is shown instead of an image that is withheld.

    Attributes:
        verdicts: one per image, that of the latest attempt.
        pictures: what these are about.
        discarded: position, picture and verdict of each earlier attempt.
    """

    def __init__(
        self,
        output: Output,
        call: Call,
        read: Callable[[Any], Output],
        check: Callable[[Sequence[Shown]], list[Verdict]],
        instead: Instead = GREY_SPANS,
    ) -> None:
        self._output = output
        self._call = call
        self._read = read
        self._check = check
        self._instead = instead
        self._regenerated: dict[int, Any] = {}
        self._withheld: dict[int, set[Label] | None] = {}
        self.verdicts = check(output.pictures)
        self.pictures = list(output.pictures)
        self.discarded: list[tuple[int, Shown, Verdict]] = []

    def withhold(self, position: int, labels: Collection[Label] | None = None) -> None:
        """Show a placeholder instead of this image.

        Args:
            position: of the image or video.
            labels: of a video, those of the frames that are withheld; all frames without.
        """
        withheld = self._withheld.setdefault(position, set())
        whole = labels is None or withheld is None
        self._withheld[position] = None if whole else {*(withheld or ()), *(labels or ())}

    def withhold_unchecked(self) -> None:
        """Show a placeholder instead of each image and frame that could not be checked."""
        failed: Label = "unchecked"
        for position, verdict in enumerate(self.verdicts):
            if failed in (verdict.label, *(span.label for span in verdict.frames)):
                self.withhold(position, {failed})

    def regenerate(self, position: int, attempt: int) -> None:
        """Make this image again with a fresh seed, and check it.

        A pipeline or check that fails uses up the attempt; image and label stay.
        """
        verdict = self.verdicts[position]
        try:
            call, where = self._call.again(position, len(self.verdicts), attempt)
            with stage("regenerate"):
                output = self._read(call.run())
            picture, piece = output.pictures[where], output.pieces[where]
        except Exception:
            log.exception("memguard could not generate an image again")
        else:
            (checked,) = self._check([picture])
            if checked.label == "unchecked":
                discarded = dataclasses.replace(checked, attempt=attempt)
                self.discarded.append((position, picture, discarded))
            else:
                self.discarded.append((position, self.pictures[position], verdict))
                self._regenerated[position], self.pictures[position] = piece, picture
                verdict = checked
        self.verdicts[position] = dataclasses.replace(verdict, attempt=attempt)

    @property
    def actions(self) -> list[Fate]:
        """What became of each image."""
        return [
            "blocked"
            if position in self._withheld
            else "regenerated"
            if position in self._regenerated
            else "shown"
            for position in range(len(self.verdicts))
        ]

    def shown(self) -> Any:
        """The output, with regenerated images and placeholders in place.

        Raises:
            UnsupportedOutputError: the images in this output cannot be exchanged.
        """
        placeholders = {
            position: self._instead.piece(
                self._output, position, self.pictures[position], self.verdicts[position], labels
            )
            for position, labels in self._withheld.items()
        }
        return self._output.replaced({**self._regenerated, **placeholders})
