"""Many images explained: files, folders, patterns, addresses, or what an earlier check found."""

from __future__ import annotations

import json
import logging
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

from PIL import Image

from memguard.calibration.result import Calibration
from memguard.detection.detector import Detector
from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.index import Index
from memguard.pipelines.inputs import ImageLike
from memguard.report.cases import Case, case_of, unchecked_case
from memguard.report.dossier import Dossier
from memguard.report.evidence import Explanation, detector_of, explain
from memguard.report.finding import finding
from memguard.sources.queries import find_queries
from memguard.verdict import Label, Verdict

log = logging.getLogger("memguard")

PASSED: tuple[Label, ...] = ("clear", "uninformative")
"""Labels of an earlier check that need no explanation."""


@dataclass(frozen=True)
class Asked:
    """An image to explain, not yet read.

    Attributes:
        name: as the user gave it.
        read: the image.
        recorded: the label that an earlier check gave it.
    """

    name: str
    read: Callable[[], ImageLike]
    recorded: Label | None = None


@dataclass(frozen=True)
class Answer:
    """What was found of an image; a reason in place of an explanation that could not be made."""

    asked: Asked
    explanation: Explanation | None
    reason: str = ""

    @property
    def finding(self) -> str:
        """One sentence."""
        if self.explanation is not None:
            return self.explanation.finding
        return finding(Verdict("unchecked", 0.0, why=self.reason))

    def case(self, calibration: Calibration | None) -> Case:
        """The answer as a page shows it."""
        name, recorded = self.asked.name, self.asked.recorded
        if self.explanation is None:
            return unchecked_case(name, self.reason, self.finding, recorded)
        return case_of(name, self.explanation, calibration, recorded)


def explain_images(
    images: ImageLike | Iterable[ImageLike],
    index: Index | Detector | str | os.PathLike[str],
    *,
    thorough: bool = False,
    weights: Mapping[str, str] | None = None,
    command: str | None = None,
    on_progress: Callable[[int, int], None] = lambda _, __: None,
) -> Dossier:
    """Explain the verdicts on many images in one dossier.

    An image that cannot be read or checked is in it, too, and is called unchecked.

    Args:
        images: one or many, as :func:`memguard.explain` takes them. A string or path may also be a
            folder, a pattern such as ``out/*.png``, an address, or a file that ``memguard check
            --json`` has written: then its images are checked again and explained, those that
            passed left out.
        index: an index, its path, or a detector with settings of its own.
        thorough, weights: see :class:`memguard.Guard`.
        command: how to repeat it, as the page names it; by default the same on the command line.
        on_progress: called with the images done and all images.

    Raises:
        ConfigurationError: something that is no image, or a JSON file of something else.
        IndexUnavailableError, WeightsError, CalibrationError: see :class:`memguard.Guard`.
    """
    given = _listed(images)
    asked, left_out = ask(given)
    detector = detector_of(index, thorough=thorough, weights=weights)
    calibration = Calibration.of(detector.index)

    def cases() -> Iterator[Case]:
        for done, answer in enumerate(answers(asked, detector), 1):
            yield answer.case(calibration)
            on_progress(done, len(asked))

    return Dossier.of(
        cases(), detector.index, command or _command(given, detector), left_out=left_out
    )


def ask(images: Iterable[ImageLike]) -> tuple[list[Asked], int]:
    """The images that these mean, and how many of earlier checks are left out.

    Raises:
        ConfigurationError: a JSON file that is no result of a check.
    """
    asked: list[Asked] = []
    left_out = 0
    for number, image in enumerate(images, 1):
        if not isinstance(image, (str, os.PathLike)):
            asked.append(Asked(f"image {number}", partial(_itself, image)))
            continue
        labels: dict[str, Label | None] = {str(image): None}
        if Path(image).suffix.lower() == ".json" and Path(image).is_file():
            labels = dict(_checked(Path(image)))
            left_out += sum(label in PASSED for label in labels.values())
        for name, label in labels.items():
            if label not in PASSED:
                asked += [Asked(query.name, query.read, label) for query in find_queries([name])]
    return asked, left_out


def answers(asked: Iterable[Asked], detector: Detector) -> Iterator[Answer]:
    """An answer for each image, in order.

    Raises:
        ConfigurationError: something that is no image.
    """
    for each in asked:
        try:
            yield Answer(each, explain(each.read(), detector))
        except UnreadableImageError as error:
            yield Answer(each, None, f"cannot be read: {error}")
        except ConfigurationError:
            raise
        except Exception as error:
            log.exception("memguard could not check %s", each.name)
            yield Answer(each, None, f"cannot be checked: {type(error).__name__}: {error}")


def _listed(images: Any) -> list[ImageLike]:
    one = (str, bytes, bytearray, memoryview, os.PathLike, Image.Image)
    return [images] if isinstance(images, one) or hasattr(images, "shape") else list(images)


def _itself(image: ImageLike) -> ImageLike:
    return image


def _checked(path: Path) -> Iterator[tuple[str, Label]]:
    """The images of an earlier check with their labels; a file without a verdict is unchecked."""
    try:
        rows = json.loads(path.read_bytes())
        for row in rows:
            label = row.get("label", "unchecked" if "error" in row else None)
            if label not in get_args(Label) or not isinstance(row["image"], str):
                raise ValueError(f"it has an entry labelled {label!r}")
            yield row["image"], label
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ConfigurationError(
            f"{path} is not what `memguard check --json` writes ({error}): name images, or the "
            "file of a check"
        ) from error


def _command(given: Sequence[ImageLike], detector: Detector) -> str:
    index = detector.index.name
    named = [str(image) for image in given if isinstance(image, (str, os.PathLike))]
    if len(named) < len(given):
        return f"memguard.explain_images(images, {index!r}, thorough={detector.thorough})"
    thorough = ["--thorough"] if detector.thorough else []
    return shlex.join(["memguard", "explain", *named, "-i", index, *thorough])
