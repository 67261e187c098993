"""The explanation of one verdict: the image, its closest reference, and where they differ.

For the operator only: an explanation reveals which images are in the training set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from memguard.calibration.load import calibrated_detector
from memguard.detection.detector import Detector
from memguard.index import Index
from memguard.index.open import open_index
from memguard.pipelines.inputs import ImageLike, read_image
from memguard.report.comparison import Comparison, compare
from memguard.report.evidence_image import draw
from memguard.signal_type import SignalType
from memguard.verdict import Verdict
from memguard.vision.decode import to_rgb
from memguard.vision.picture import Picture


@dataclass(frozen=True)
class Explanation:
    """A verdict with what a reviewer needs to defend or overrule it.

    Attributes:
        image: the query, RGB.
        verdict: as a guard of the same index gives it.
        comparison: with the reference that the verdict's ``why`` names; None where it names none,
            or one without pixels.
        signals: what the index can measure, by name.
    """

    image: Image.Image
    verdict: Verdict
    comparison: Comparison | None
    signals: Mapping[str, SignalType]

    def to_json(self) -> dict[str, Any]:
        """The verdict's JSON, with the comparison's alignment, tiles and mask."""
        data = self.verdict.to_json()
        if (comparison := self.comparison) is None:
            return {**data, "comparison": None}
        alignment = comparison.alignment
        data["comparison"] = {
            "id": comparison.match.id,
            "uri": comparison.match.uri,
            "view": comparison.match.view,
            "distances": comparison.match.distances,
            "inliers": alignment and alignment.inliers,
            "transform": alignment and alignment.transform.tolist(),
            "rms_where_seen": comparison.rms,
            "seen": float(comparison.covered.mean()),
            "tile_l2": comparison.tiles.tolist(),
            "mask": comparison.mask.tolist(),
        }
        return data

    def draw(self) -> Image.Image:
        """Query, reference, difference and mask side by side, and every signal below them.

        Raises:
            ConfigurationError: the extra ``report`` is not installed.
        """
        return draw(self.image, self.verdict, self.comparison, self.signals)


def explain(
    image: ImageLike,
    index: Index | Detector | str | os.PathLike[str],
    *,
    thorough: bool = False,
    weights: Mapping[str, str] | None = None,
) -> Explanation:
    """Check an image, and keep the evidence for its verdict.

    Args:
        image: one image, as :meth:`memguard.Guard.check` takes it.
        index: an index, its path, or a detector with settings of its own.
        thorough, weights: see :class:`memguard.Guard`.

    Raises:
        ConfigurationError: not one image.
        UnreadableImageError: it cannot be read.
        IndexUnavailableError, WeightsError, CalibrationError: see :class:`memguard.Guard`.
    """
    query = read_image(image)
    if isinstance(index, Detector):
        detector = index
    else:
        detector = calibrated_detector(
            index if isinstance(index, Index) else open_index(index),
            thorough=thorough,
            weights=weights,
        )
    picture = Picture(query)
    if picture.is_blank:
        return Explanation(picture.image, detector.detect([query])[0], None, detector.signals)
    matches = detector.find_matches([picture])[0]
    verdict = detector.judge(picture, matches)
    shown = verdict.matches
    comparison = compare(picture, shown[0], detector.index) if shown else None
    return Explanation(to_rgb(query), verdict, comparison, detector.signals)
