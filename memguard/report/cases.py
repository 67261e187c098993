"""One image of a page of explanations: what is said of it, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.calibration.result import Calibration
from memguard.detection.detector import Detector
from memguard.detection.signals import CopyEvidence, SharedRegion, added_evidence
from memguard.report.comparison import Comparison
from memguard.report.finding import VIEWS
from memguard.report.formatting import distance_text, is_part, region_text, threshold_text
from memguard.report.overlay import laid_over
from memguard.report.pages import picture_uri
from memguard.report.promises import finds, promise
from memguard.verdict import Corners, Label, Match, Verdict

PICTURE_EDGE = 720
"""Longer edge, in pixels, of the pictures of an image."""
QUALITY = 90
"""Of their JPEG."""
FULL_SCALE = 0.5
"""The difference of levels in [0, 1] that a heat map shows brightest."""

MEANINGS: Mapping[str, str] = {
    "memorized": "so close to a training image that a guard withholds it",
    "similar": "close enough to a training image to be flagged; a guard shows it",
    "clear": "no signal reached a threshold; a guard shows it",
    "uninformative": "blank images resemble each other and prove nothing; a guard shows it",
    "unchecked": "the check could not run; a guard withholds the image unless told otherwise",
}
GRAVITY = ("memorized", "similar", "unchecked", "uninformative", "clear")
"""Labels, those that need a person first."""


NOTHING: Mapping[str, Any] = dict.fromkeys(
    (
        *("picture", "size", "outline", "region", "facts", "deciding", "promise", "finds"),
        *("match", "view", "match_outline", "match_picture", "parts", "measurements", "others"),
        *("difference", "pixels", "overlay", "exempt"),
    )
)
"""What a page may show of an image."""


class Explained(Protocol):
    """An explanation (:class:`memguard.Explanation`)."""

    @property
    def image(self) -> Image.Image: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def comparison(self) -> Comparison | None: ...
    @property
    def detector(self) -> Detector: ...
    @property
    def sha256(self) -> str | None: ...
    @property
    def finding(self) -> str: ...
    def to_json(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Case:
    """One image of a page.

    Attributes:
        name: the image's, as the user gave it.
        label: of its verdict.
        score: of its verdict.
        finding: the one sentence.
        data: its JSON.
        recorded: the label that an earlier check gave it, or None.
        shown: what the page shows of it; None for an image that is only listed.
    """

    name: str
    label: Label
    score: float
    finding: str
    data: Mapping[str, Any]
    recorded: Label | None = None
    shown: Mapping[str, Any] | None = None

    @property
    def gravity(self) -> tuple[int, float]:
        """Sorts cases, the gravest first."""
        return GRAVITY.index(self.label), -self.score

    @property
    def meaning(self) -> str:
        """What the label means."""
        return MEANINGS[self.label]

    def listed(self) -> Case:
        """The same, only listed."""
        return replace(self, shown=None)


def case_of(
    name: str,
    explained: Explained,
    calibration: Calibration | None,
    recorded: Label | None = None,
) -> Case:
    """The case of an explanation.

    Args:
        name: the image's.
        explained: what was found.
        calibration: of the index.
        recorded: the label that an earlier check gave it.
    """
    verdict = explained.verdict
    return Case(
        name,
        verdict.label,
        verdict.score,
        explained.finding,
        {"image": name, **explained.to_json()},
        recorded,
        _shown(name, explained, calibration),
    )


def unchecked_case(name: str, why: str, finding: str, recorded: Label | None = None) -> Case:
    """The case of an image that could not be read or checked."""
    data = {"image": name, "finding": finding, "label": "unchecked", "error": why}
    shown = {**NOTHING, "exempt": (), "facts": [("image", name)]}
    return Case(name, "unchecked", 0.0, finding, data, recorded, shown)


def _shown(name: str, explained: Explained, calibration: Calibration | None) -> dict[str, Any]:
    verdict, comparison, image = explained.verdict, explained.comparison, explained.image
    match = verdict.matches[0] if verdict.matches else None
    region = match.region if match else None
    outlined = region if region is not None and is_part(region) else None
    flagged = verdict.label in ("memorized", "similar")
    shown: dict[str, Any] = {
        **NOTHING,
        "exempt": [one for one in verdict.matches if one.exempt],
        "picture": picture_uri(image, PICTURE_EDGE, QUALITY),
        "size": f"{image.width} x {image.height} pixels",
        "outline": _points(outlined.query) if outlined else None,
        "region": region_text(region) if region else None,
        "facts": _facts(name, explained),
        "deciding": _deciding(explained),
        "promise": promise(calibration, verdict.label) if flagged else None,
        "finds": finds(calibration) if verdict.label == "clear" else None,
    }
    if match is None:
        return shown
    shown |= {
        "match": match,
        "view": VIEWS.get(match.view),
        "match_outline": _points(outlined.reference) if outlined else None,
        "parts": _parts(match, explained.detector),
        "measurements": _measurements(match, verdict, explained.detector),
        "others": [one for one in verdict.matches[1:] if one.counts],
    }
    if comparison is not None:
        shown["match_picture"] = picture_uri(comparison.reference.image, PICTURE_EDGE, QUALITY)
        shown["difference"] = picture_uri(_heat_map(comparison), PICTURE_EDGE, QUALITY)
        shown["pixels"] = _pixels(comparison)
        if flagged:
            over = laid_over(comparison, PICTURE_EDGE)
            shown["overlay"] = picture_uri(over, PICTURE_EDGE, QUALITY)
    return shown


def _points(corners: Corners) -> str:
    """An outline for SVG, in hundredths of the picture's edges."""
    return " ".join(f"{100 * x:.1f},{100 * y:.1f}" for x, y in corners)


def _facts(name: str, explained: Explained) -> list[tuple[str, str]]:
    """What identifies the image and the reference that it was compared with."""
    sha256 = explained.sha256 or "the image came as pixels, not as a file"
    facts = [("image", name), ("SHA-256 of its file", sha256)]
    if explained.verdict.matches:
        match = explained.verdict.matches[0]
        facts += [("training image", match.uri), ("SHA-256 of its file begins with", match.id)]
    return facts


def _deciding(explained: Explained) -> list[dict[str, str]]:
    """The signals that have thresholds, the strongest evidence first."""
    signals = sorted(explained.verdict.signals, key=lambda signal: -signal.evidence)
    types = explained.detector.signals
    return [
        {
            "name": signal.name,
            "words": types[signal.name].words,
            "distance": distance_text(signal.distance),
            "similar": _limit(signal.similar, explained, signal.name),
            "memorized": _limit(signal.memorized, explained, signal.name),
            "label": signal.label,
        }
        for signal in signals
    ]


def _limit(limit: float | None, explained: Explained, name: str) -> str:
    return threshold_text(limit, counts_bits=explained.detector.signals[name].counts_bits)


def _parts(match: Match, detector: Detector) -> list[tuple[str, str, str]]:
    """What adds up to the evidence of a copy: name, words, and what it adds."""
    if CopyEvidence.name not in match.distances:
        return []
    region = SharedRegion.name
    added = {region: -match.distances[region], **added_evidence(match.distances)}
    return [(name, detector.signals[name].words, f"{value:.1f}") for name, value in added.items()]


def _measurements(match: Match, verdict: Verdict, detector: Detector) -> list[tuple[str, str, str]]:
    """The distances without thresholds: name, words, and distance."""
    decide = {signal.name for signal in verdict.signals}
    return [
        (name, detector.signals[name].words, distance_text(distance))
        for name, distance in match.distances.items()
        if name not in decide and name in detector.signals
    ]


def _pixels(comparison: Comparison) -> Sequence[str]:
    """The pixels' difference and the alignment, in sentences."""
    laid = "The two pictures were stretched to one frame."
    if comparison.alignment is not None:
        laid = (
            f"{comparison.alignment.inliers} matching points lay this image over "
            f"{comparison.covered.mean():.0%} of the training image."
        )
    return (
        laid,
        f"There the pixels differ by {comparison.rms:.1%} of the way from black to white (root "
        f"mean square, rms), and by {comparison.toned_rms:.1%} once brightness, contrast and "
        "colours are matched. Unrelated pictures differ by about 25% to 50%.",
    )


def _heat_map(comparison: Comparison) -> Image.Image:
    """Black where equal, through red to white; grey where the image shows nothing."""
    levels = np.clip(comparison.difference / FULL_SCALE * 255, 0, 255).astype(np.uint8)
    colours: NDArray[np.uint8] = np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO))
    colours = colours[..., ::-1].copy()
    colours[~comparison.covered] = 200
    return Image.fromarray(colours)
