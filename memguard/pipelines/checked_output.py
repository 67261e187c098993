"""The images of one guarded call with their verdicts: what a policy looks at and changes."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import Any

from memguard.pipelines.call import Call
from memguard.pipelines.outcome import Fate
from memguard.pipelines.pictures import Output, Shown
from memguard.pipelines.placeholder import Placeholder, placeholder_for
from memguard.stages import stage
from memguard.verdict import Verdict

log = logging.getLogger("memguard")


class CheckedOutput:
    """What a call returned, checked, and what is shown of it.

    Args:
        output: what the call returned.
        call: the call, to make single images of it again.
        read: finds the images in what the call returns.
        check: one verdict per position.
        placeholder: what is shown instead of an image that is withheld.

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
        placeholder: Placeholder = "grey",
    ) -> None:
        self._output = output
        self._call = call
        self._read = read
        self._check = check
        self._placeholder = placeholder
        self._regenerated: dict[int, Any] = {}
        self._withheld: set[int] = set()
        self.verdicts = check(output.pictures)
        self.pictures = list(output.pictures)
        self.discarded: list[tuple[int, Shown, Verdict]] = []

    def withhold(self, position: int) -> None:
        """Show a placeholder instead of this image."""
        self._withheld.add(position)

    def withhold_unchecked(self) -> None:
        """Show a placeholder instead of each image that could not be checked."""
        self._withheld |= {
            position
            for position, verdict in enumerate(self.verdicts)
            if verdict.label == "unchecked"
        }

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
        placeholders = {position: self._instead(position) for position in self._withheld}
        return self._output.replaced({**self._regenerated, **placeholders})

    def _instead(self, position: int) -> Any:
        """A piece that shows the placeholder."""
        shown = placeholder_for(self._output.pictures[position], self._placeholder)
        return self._output.rendered(position, shown)
