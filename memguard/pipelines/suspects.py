"""References that suddenly match everything: noticed, named once, and suspended if that is safe.

A reference that decides far more images than the calibration allows is either memorized or no
picture to compare with, such as a file that is half grey. Many copies of one picture resemble each
other; what a broken file matches does not. So only images that share nothing with each other speak
against a reference. Somebody who asks for one copy a thousand times, changes it, mirrors it, or
puts it into many scenes, brings one such image.

A suspended reference still blocks what is like it as a whole. More than ten images that are unlike
each other cannot all be: the correlation of each with the reference would be at least 0.74 (c),
that of two of them at most 0.5 (u), and n unit vectors allow n c^2 <= 1 + (n - 1) u.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from PIL import Image
from scipy.special import bdtrc

from memguard.defaults import MEMORIZED_RATE
from memguard.detection.common_parts import UNLIKE_STRUCTURE
from memguard.detection.detector import Detector
from memguard.detection.picture_pair import PicturePair
from memguard.detection.readings import readings
from memguard.detection.seen_again import certain_region
from memguard.index.store.exemptions import Exemptions
from memguard.verdict import Match, Verdict
from memguard.vision.picture import Picture

log = logging.getLogger("memguard")

Quarantine = Literal["auto", "ask"]
"""What a guard does about a reference that matches unlike images: suspend it and say so, or only
say so."""

RECENT = 500
"""Distinct images that are remembered."""
LEAST_RECENT = 50
"""Distinct images before any reference is suspected."""
LEAST_UNLIKE = 11
"""Images decided by one reference, unlike each other, that cannot all be whole copies of it."""
COMPARED = 25
"""Unlike images of one reference that a new one is compared with, which takes some milliseconds
each."""
REFERENCES = 32
"""References, those of the latest blocked images, of which unlike images are kept; one that decides
every fifth image is always among them."""
SHARE = 0.2
"""Share of the recent distinct images that one reference decides, from which on it is suspected.
Chosen by hand: a service that blocks every fifth image for one reason stands still."""
SIGNIFICANCE = 1e-6
"""Probability of so many images at the calibrated rate, below which it is no chance. Chosen by
hand: a guard that checks 10^6 images a day asks this question for each that is blocked."""


@dataclass(frozen=True)
class Suspect:
    """A reference that decides too many images.

    Attributes:
        match: the latest.
        decided: images that it decided.
        of: of so many.
        unlike: whether these images are unlike each other.
    """

    match: Match
    decided: int
    of: int
    unlike: bool

    def __str__(self) -> str:
        return (
            f"reference {self.match.uri} ({self.match.id}) decided {self.decided} of the last "
            f"{self.of} {'distinct ' if self.unlike else ''}images, far more than calibrated"
        )


class Suspects:
    """What recent images were decided by.

    Safe to use from several threads.

    Args:
        action: see :data:`Quarantine`.
        suspended: what is suspended already.

    Attributes:
        suspended: ids of the references that only flag until somebody decides.
        asked: ids of those that go on blocking, and that somebody should look at.
        lock: held while these change.
    """

    def __init__(self, action: Quarantine, suspended: frozenset[str] = frozenset()) -> None:
        self.suspended = suspended
        self.asked: frozenset[str] = frozenset()
        self.action = action
        self._distinct: deque[str | None] = deque(maxlen=RECENT)
        self._all: deque[str | None] = deque(maxlen=RECENT)
        self._pictures: dict[str, list[Picture]] = {}
        self._named: set[tuple[str, bool]] = set()
        self._trusted: set[str] = set()
        self.lock = threading.Lock()

    def watch(self, detector: Detector, seen: Iterable[tuple[Image.Image, Verdict]]) -> None:
        """Remember images, log each new suspect as a warning, and suspend it if that is safe.

        Args:
            detector: what gave the verdicts.
            seen: images with their verdicts.
        """
        rate = detector.rates.get("memorized", MEMORIZED_RATE)
        for image, verdict in seen:
            suspect = self._saw(image, verdict, rate)
            if suspect is None:
                continue
            where = f"{detector.index.name} {suspect.match.id}"
            has_pixels = "structure" in suspect.match.distances
            if suspect.unlike and has_pixels and self.action == "auto":
                with self.lock:
                    self.suspended |= {suspect.match.id}
                log.warning(
                    "%s; the images have nothing in common, so this guard suspends the reference: "
                    "it flags, and blocks only what is like it as a whole. Look at it, and run "
                    "`memguard quarantine %s`, or the same with --undo if it is right; then reload",
                    suspect,
                    where,
                )
            else:
                with self.lock:
                    self.asked |= {suspect.match.id}
                log.warning(
                    "%s; it goes on blocking, as %s. Look at it: if these are no copies, run "
                    "`memguard quarantine %s` and reload",
                    suspect,
                    "this guard only asks" if suspect.unlike else "they may be copies of it",
                    where,
                )

    def applied(self, detector: Detector) -> Detector:
        """The detector, for which suspended references are exempt as such."""
        missing = self.suspended - detector.exempt.keys()
        return detector.exempting(dict.fromkeys(missing, "suspended"))

    def decided(self, exemptions: Exemptions) -> None:
        """Take over what somebody has decided in the index: released references are trusted."""
        released = {
            one for change in exemptions.history if change.action == "release" for one in change.ids
        }
        with self.lock:
            self._trusted |= released
            self.suspended -= released
            self.asked -= released | exemptions.quarantined.keys()

    def _saw(self, image: Image.Image, verdict: Verdict, rate: float) -> Suspect | None:
        """Remember an image; the reference that it makes a suspect."""
        if verdict.label in ("uninformative", "unchecked"):
            return None
        if verdict.label != "memorized":
            with self.lock:
                self._distinct.append(None)
                self._all.append(None)
            return None
        match = verdict.matches[0]
        if (match.id, True) in self._named or match.id in self._trusted:
            return None
        seen = readings(image)
        if len(seen) != 1:
            return None  # which of them the reference decided is not known here
        picture = Picture(Image.fromarray(seen[0].picture.pixels))
        with self.lock:  # also while comparing: copies that come at once are not all new
            known = self._pictures[match.id] = self._pictures.pop(match.id, [])
            if len(self._pictures) > REFERENCES:
                del self._pictures[next(iter(self._pictures))]
            self._all.append(match.id)
            if not any(_share_something(picture, one) for one in known):
                self._distinct.append(match.id)
                if len(known) < COMPARED:
                    known.append(picture)
            return self._suspect(match, rate)

    def _suspect(self, match: Match, rate: float) -> Suspect | None:
        for images, unlike in ((self._distinct, True), (self._all, False)):
            decided = Counter(images)[match.id]
            if (match.id, unlike) not in self._named and _is_too_much(decided, len(images), rate):
                self._named |= {(match.id, unlike), (match.id, False)}
                return Suspect(match, decided, len(images), unlike)
        return None


def _is_too_much(decided: int, of: int, rate: float) -> bool:
    """Whether one reference decides too many images for a calibrated rate of blocked ones."""
    return (
        of >= LEAST_RECENT
        and decided >= max(LEAST_UNLIKE, SHARE * of)
        and float(bdtrc(decided - 1, of, rate)) < SIGNIFICANCE
    )


def _share_something(one: Picture, other: Picture) -> bool:
    """Whether two images are alike, or show a part of one picture; also mirrored or inverted."""
    return any(
        1 - abs(float(one.coarse @ seen.coarse)) <= UNLIKE_STRUCTURE
        or certain_region(PicturePair(one, seen)) is not None
        for seen in (other, other.mirrored())
    )
