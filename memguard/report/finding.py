"""What an explanation found, in one sentence for readers who know nothing of distances.

The sentence says no more than was measured: the label, the view that came closest, the region that
is seen again, and how far the pixels differ. A verdict that only flags says "perhaps".
"""

from __future__ import annotations

from collections.abc import Sequence

from memguard.report.comparison import Comparison
from memguard.report.formatting import WHOLE, is_part
from memguard.verdict import COMMON, Match, Region, Verdict, View
from memguard.vision.pixel_distances import COPY_TILED_L2

SHARES: Sequence[tuple[float, str]] = (
    (1 / 10, "a tenth"),
    (1 / 6, "a sixth"),
    (1 / 4, "a quarter"),
    (1 / 3, "a third"),
    (2 / 5, "two fifths"),
    (1 / 2, "half"),
    (3 / 5, "three fifths"),
    (2 / 3, "two thirds"),
    (3 / 4, "three quarters"),
    (9 / 10, "nine tenths"),
)
"""Shares that have a name; any share is called by the nearest."""
LEAST_NAMED = 0.075
"""The share below which it is called less than a tenth."""

LEAST_TURN = 5.0
"""Degrees from which on an image is called turned. Chosen by hand."""
LEAST_STRETCH = 1.15
"""Ratio of two scales from which on an image is called stretched. Chosen by hand."""

UNSEEN, FINE = 0.015, 0.05
"""Root mean square differences, tones matched, up to which pictures of 256 pixels look the same (4
of 255 levels), and up to which only fine detail differs. Chosen by hand: copies by models in
benchmarks/real have 0.01 to 0.09."""
TONED = 0.05
"""Root mean square difference from which on a change of tones is seen. Chosen by hand."""
BY_TONES = 0.5
"""Largest share of that difference that is left, once tones are matched, where they explain it."""

VIEWS: dict[View, str] = {
    "mirrored": "mirrored",
    "inverted": "as a negative",
    "turned 90": "turned by a quarter",
    "turned 180": "upside down",
    "turned 270": "turned by a quarter",
    "unletterboxed": "inside a border",
}

BLANK = "The image is blank: it shows nothing that could be a copy."
CLEAR = "No copy of a training image was found."
JUDGE = "a person has to judge"


def finding(
    verdict: Verdict, comparison: Comparison | None = None, *, same_file: bool = False
) -> str:
    """One sentence on a verdict.

    Args:
        verdict: of any label.
        comparison: with the first match, if the index has its pixels.
        same_file: whether the image's file is the first match's, byte for byte.
    """
    if verdict.label == "uninformative":
        return BLANK
    if verdict.label == "unchecked":
        return f"This image was not checked, so nothing is known about it: {verdict.why}."
    if verdict.label == "clear" and (exempt := verdict.exempt):
        others = f", and {len(exempt) - 1} more," if len(exempt) > 1 else ""
        return (
            f"No copy of a training image was found but of one that is {exempt[0].exempt}{others} "
            "and so does not count."
        )
    if verdict.label == "clear" or not verdict.matches:
        return CLEAR
    match = verdict.matches[0]
    if same_file:
        return "This is a file of the training set, byte for byte."
    if match.region is None:
        return _unlocated(verdict, match, comparison)
    seen = _seen(match, match.region, comparison)
    if verdict.label == "memorized":
        return f"{seen[0].upper()}{seen[1:]}."
    if match.shared_by >= COMMON:
        return (
            f"Perhaps no copy: {seen}; {COMMON} or more other training images show it too, as "
            "they would a logo."
        )
    return f"Perhaps {seen}; {JUDGE}."


def share_in_words(share: float) -> str:
    """``about a third``; any share in [0, 1]."""
    if share < LEAST_NAMED:
        return "less than a tenth"
    return f"about {min(SHARES, key=lambda named: abs(named[0] - share))[1]}"


def _unlocated(verdict: Verdict, match: Match, comparison: Comparison | None) -> str:
    """A sentence on a match that has no region."""
    why = (
        "the index does not hold its pixels, so nothing can be shown"
        if comparison is None
        else "they do not tell which part is alike"
    )
    how = _manner(match, comparison)
    if verdict.label == "memorized":
        return f"The measurements call this a copy of a training image{how}; {why}."
    return f"The measurements come near a training image{how}; {why}; {JUDGE}."


def _seen(match: Match, region: Region, comparison: Comparison | None) -> str:
    """What of the reference is seen again, how, and what differs; begins in lower case."""
    what = _part(region, _manner(match, comparison))
    if comparison is None or is_part(region):
        return what
    return f"{what}{_difference(comparison)}"


def _part(region: Region, how: str) -> str:
    if region.share_of_reference >= WHOLE:
        if region.share_of_query >= WHOLE:
            return f"the same picture as a training image{how}"
        share = share_in_words(region.share_of_query)
        return f"a whole training image is seen again{how}, in {share} of this image"
    part = f"a part of a training image, {share_in_words(region.share_of_reference)} of it,"
    if region.share_of_query >= WHOLE:
        return f"{part} fills this image{how}"
    share = share_in_words(region.share_of_query)
    return f"{part} is seen again{how}, in {share} of this image"


def _manner(match: Match, comparison: Comparison | None) -> str:
    """``, mirrored and turned by about 30 degrees``; empty where nothing was done."""
    done = [VIEWS[match.view]] if match.view in VIEWS else []
    distances = match.distances
    if comparison is not None and (
        comparison.alignment is None or distances["aligned_structure"] < distances["structure"]
    ):
        if abs(comparison.turn) >= LEAST_TURN:
            done.append(f"turned by about {5 * round(abs(comparison.turn) / 5)} degrees")
        if comparison.stretch >= LEAST_STRETCH:
            done.append("stretched")
    return f", {' and '.join(done)}" if done else ""


def _difference(comparison: Comparison) -> str:
    """What differs between two pictures that are alike as wholes."""
    if (differing := float((comparison.toned_tiles > COPY_TILED_L2).mean())) > 0:
        return f"; {share_in_words(differing)} of it differs"
    if comparison.rms >= TONED and comparison.toned_rms <= BY_TONES * comparison.rms:
        return "; brightness or colours differ"
    if comparison.toned_rms <= UNSEEN:
        return "; no difference is to be seen at the size that the index keeps"
    return "; fine detail differs" if comparison.toned_rms <= FINE else "; details differ"
