"""The references that an image shows whole: what it allows, if it is allowed."""

from __future__ import annotations

import math

from memguard.detection.detector import Detector
from memguard.detection.signals import ALIKE_STRUCTURE
from memguard.verdict import Match
from memguard.vision.picture import Picture


def find_same(detector: Detector, picture: Picture) -> list[Match]:
    """The references that the detector would block the image for, and which it shows as a whole.

    A reference of which it shows a part only, as a crop or a template copy does, is not among
    them: what allows a part does not allow the rest. Near-duplicates of a reference are among them
    as far as the image itself is a copy of each. The closest in pixels comes first. A blank image
    shows nothing.
    """
    found: list[Match] = []
    every = rest = detector.counting_all()
    while not picture.is_blank:
        (matches,) = rest.find_matches([picture])
        same = [match for match in matches if _is_same(every, match)]
        if not same:
            break
        found += same
        rest = rest.excluding([match.id for match in same])
    return sorted(found, key=lambda match: match.distances["l2"])


def _is_same(detector: Detector, match: Match) -> bool:
    blocks = detector.decide([match]).label == "memorized"
    return blocks and match.distances.get("structure", math.inf) <= ALIKE_STRUCTURE
