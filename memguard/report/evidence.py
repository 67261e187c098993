"""The explanation of one verdict: the image, its closest reference, and where they differ.

For the operator only: an explanation reveals which images are in the training set.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from memguard.calibration.load import guarding_detector
from memguard.calibration.result import Calibration
from memguard.detection.decision import gravest
from memguard.detection.detector import Detector
from memguard.detection.readings import readings
from memguard.errors import UnreadableImageError
from memguard.files import read_regular, write_text
from memguard.index import Index
from memguard.index.open import open_index
from memguard.pipelines.inputs import ImageLike, read_image
from memguard.report.cases import case_of
from memguard.report.comparison import Comparison, compare
from memguard.report.dossier import Dossier
from memguard.report.evidence_image import draw
from memguard.report.finding import finding
from memguard.signal_type import SignalType
from memguard.verdict import Verdict
from memguard.vision.decode import decode, to_rgb

UNNAMED = "image"
"""The name of an image that is no file."""


@dataclass(frozen=True)
class Explanation:
    """A verdict with what a reviewer needs to defend or overrule it.

    Attributes:
        image: the query, RGB.
        verdict: as a guard of the same index gives it.
        comparison: with the reference that the verdict's ``why`` names; None where it names none,
            or one without pixels.
        detector: what checked it.
        sha256: of the image's file; None if it came as pixels.
        name: the file's path; "image" if it came otherwise.
    """

    image: Image.Image
    verdict: Verdict
    comparison: Comparison | None
    detector: Detector
    sha256: str | None = None
    name: str = UNNAMED

    @property
    def signals(self) -> Mapping[str, SignalType]:
        """What the index can measure, by name."""
        return self.detector.signals

    @property
    def is_training_file(self) -> bool:
        """Whether the image's file is that of the first match, byte for byte."""
        matches = self.verdict.matches
        return bool(self.sha256 and matches and self.sha256.startswith(matches[0].id))

    @property
    def finding(self) -> str:
        """The verdict in one sentence for readers who know nothing of distances."""
        return finding(self.verdict, self.comparison, same_file=self.is_training_file)

    def to_json(self) -> dict[str, Any]:
        """The finding and the verdict's JSON, with the comparison's alignment, tiles and mask."""
        data = {"finding": self.finding, "sha256": self.sha256, **self.verdict.to_json()}
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
        return draw(self.image, self.verdict, self.comparison, self.signals, self.finding)

    def to_html(self, command: str | None = None) -> str:
        """The explanation as a page that needs nothing else.

        Args:
            command: how to repeat it, as the page names it.

        Raises:
            ConfigurationError: the extra ``report`` is not installed.
        """
        index = self.detector.index
        case = case_of(self.name, self, Calibration.of(index))
        return Dossier.of([case], index, command or self._command()).to_html()

    def save(self, path: str | os.PathLike[str], command: str | None = None) -> None:
        """Write the page to a path that ends in .html, and the picture to any other.

        Raises:
            ConfigurationError: the extra ``report`` is not installed.
            OSError: the file cannot be written.
            ValueError: the path ends in no format that Pillow writes.
        """
        if is_page(path):
            write_text(Path(path), self.to_html(command))
        else:
            self.draw().save(path)

    def _command(self) -> str:
        index = self.detector.index.name
        if self.name == UNNAMED:
            return f"memguard.explain(image, {index!r}, thorough={self.detector.thorough})"
        thorough = ["--thorough"] if self.detector.thorough else []
        return shlex.join(["memguard", "explain", self.name, "-i", index, *thorough])


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
    query, sha256 = _read(image)
    name = str(image) if isinstance(image, (str, os.PathLike)) else UNNAMED
    detector = detector_of(index, thorough=thorough, weights=weights)
    pictures = [reading.picture for reading in readings(query)]
    if not pictures:
        (verdict,) = detector.detect([query])
        return Explanation(to_rgb(query), verdict, None, detector, sha256, name)
    verdicts = list(map(detector.judge, pictures, detector.find_matches(pictures)))
    verdict = gravest(verdicts)
    picture = pictures[verdicts.index(verdict)]
    shown = verdict.matches
    comparison = compare(picture, shown[0], detector.index) if shown else None
    return Explanation(picture.image, verdict, comparison, detector, sha256, name)


def is_page(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a page rather than a picture."""
    return Path(path).suffix.lower() in (".html", ".htm")


def detector_of(
    index: Index | Detector | str | os.PathLike[str],
    *,
    thorough: bool = False,
    weights: Mapping[str, str] | None = None,
) -> Detector:
    """A detector with the index's thresholds, or the one given."""
    if isinstance(index, Detector):
        return index
    opened = index if isinstance(index, Index) else open_index(index)
    return guarding_detector(opened, thorough=thorough, weights=weights)


def _read(image: ImageLike) -> tuple[Image.Image, str | None]:
    """The image, and the SHA-256 of the bytes that it was decoded from."""
    data = image
    if isinstance(image, (str, os.PathLike)) and Path(image).is_file():
        try:
            data = read_regular(Path(image))
        except OSError as error:
            raise UnreadableImageError(f"{image}: {error.strerror or error}") from error
    if not isinstance(data, (bytes, bytearray, memoryview)):
        return read_image(image), None
    try:
        return decode(bytes(data), alpha=True)[0], hashlib.sha256(data).hexdigest()
    except UnreadableImageError as error:
        named = f"{image}: " if isinstance(image, (str, os.PathLike)) else ""
        raise UnreadableImageError(f"{named}{error}") from error
