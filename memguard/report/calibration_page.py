"""The calibration of an index as one HTML page that needs nothing else.

For whoever must defend a threshold: what was asked for, what was seen, on which images, what that
proves, and what would prove more.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memguard._optional import require
from memguard._version import __version__
from memguard.calibration.calibrate import CONFIDENCE, FOLDS, Calibration, Operating, Rate
from memguard.calibration.measurements import Measurements, SetAside
from memguard.calibration.quantiles import flagged
from memguard.defaults import NEEDED_PER_RATE
from memguard.errors import CalibrationError, ConfigurationError
from memguard.files import sealed, write_text
from memguard.index import Index
from memguard.index.local import DirectoryIndex
from memguard.index.open import open_index
from memguard.index.store.documents import CALIBRATION, CALIBRATION_PAGE
from memguard.report import plots
from memguard.report.formatting import WORDS, distance_text, threshold_text
from memguard.report.pictures import data_uri, find_pictures, picture_uri
from memguard.verdict import Label

TEMPLATE = "calibration.html.j2"

MOST_PAIRS = 60
"""Pairs set aside that are shown with their pictures; the others are named."""

MOST_NEEDED = 10**9
"""Negatives that nobody has."""


@dataclass(frozen=True)
class Point:
    """One working point in a reviewer's words.

    Attributes:
        label: what an image within these thresholds is called.
        verb: what happens to it.
        operating: what calibration saw.
        needed: what would prove the target, a sentence; empty where it is proven.
        recall: the mean over the transforms.
        own: negatives within the thresholds in use, which these negatives helped to choose.
    """

    label: Label
    verb: str
    operating: Operating
    needed: str
    recall: float
    own: int


def calibration_page(index: Index | str | os.PathLike[str]) -> str:
    """The page, as HTML.

    Raises:
        CalibrationError: the index has no calibration, or it is damaged.
        ConfigurationError: the extra ``report`` is not installed.
    """
    jinja2 = require("jinja2", extra="report")
    opened = index if isinstance(index, Index) else open_index(index)
    calibration, document = Calibration.of(opened), opened.read_document(CALIBRATION)
    if calibration is None or document is None:
        raise CalibrationError(
            f"{opened.name} has not been calibrated; run `memguard calibrate {opened.name}`"
        )
    measured = Measurements.of(opened)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "count": _count}
    page: str = environment.get_template(TEMPLATE).render(
        name=Path(opened.name).resolve().name,
        directory=opened.name,
        calibration=calibration,
        points=_points(opened, calibration, measured),
        signals=_signals(calibration, measured),
        histograms=_histograms(calibration, measured),
        roc=_plot(plots.roc(calibration, measured)),
        bars=_plot(plots.recall_bars(calibration)),
        copies=len(measured.transforms),
        lost=_lost(measured),
        colours={label: plots.LABEL_COLOURS[label] for label in plots.VERBS},
        sides={"negatives": plots.NEGATIVES, "copies": plots.COPIES},
        transforms=_transforms(calibration, measured),
        pairs=_pairs(opened, calibration.set_aside[:MOST_PAIRS]),
        more_pairs=calibration.set_aside[MOST_PAIRS:],
        records=len(opened),
        outgrown=calibration.outgrown(len(opened)),
        provable=NEEDED_PER_RATE / max(calibration.negatives, 1),
        confidence=CONFIDENCE,
        folds=FOLDS,
        digest=hashlib.sha256(document).hexdigest(),
        version=__version__,
    )
    return page


def write_calibration_page(
    index: Index | str | os.PathLike[str], path: str | os.PathLike[str] | None = None
) -> Path:
    """Write the page, by default into the index, and return where it is.

    Raises:
        CalibrationError, ConfigurationError: see :func:`calibration_page`.
    """
    opened = index if isinstance(index, Index) else open_index(index)
    if path is None and not isinstance(opened, DirectoryIndex):
        raise ConfigurationError(f"{opened.name} is no directory: say where the page goes (-o)")
    target = Path(opened.name) / CALIBRATION_PAGE if path is None else Path(path)
    write_text(target, sealed(calibration_page(opened)))
    return target


def negatives_needed(observed: Rate, target: float) -> int | None:
    """How many negatives would prove the target if the observed share holds; None: no number."""
    if observed.share >= target:
        return None

    def proven(count: int) -> bool:
        return Rate.of(math.ceil(observed.share * count), count).upper <= target

    most: int = max(observed.total, math.ceil(NEEDED_PER_RATE / target))
    while not proven(most):
        most *= 2
        if most > MOST_NEEDED:
            return None
    least = most // 2
    while most - least > max(1, most // 100):
        middle = (least + most) // 2
        least, most = (least, middle) if proven(middle) else (middle, most)
    digits: int = 10 ** max(len(str(most)) - 2, 0)
    return math.ceil(most / digits) * digits


def _points(index: Index, calibration: Calibration, measured: Measurements) -> list[Point]:
    labels: tuple[Label, ...] = ("memorized", "similar")
    return [_point(index, calibration, measured, label) for label in labels]


def _point(index: Index, calibration: Calibration, measured: Measurements, label: Label) -> Point:
    operating = calibration.points()[label]
    limits = {
        name: limit
        for name, threshold in calibration.thresholds.items()
        if (limit := getattr(threshold, label)) is not None and name in measured.negatives
    }
    proven = operating.status == "proven"
    return Point(
        label=label,
        verb=plots.VERBS[label],
        operating=operating,
        needed="" if proven else _needed(index, operating, label),
        recall=sum(operating.recall.values()) / max(len(operating.recall), 1),
        own=int(flagged(measured.negatives, limits).sum()) if limits else 0,
    )


def _needed(index: Index, operating: Operating, label: Label) -> str:
    target, observed = operating.target, operating.observed
    verb = plots.VERBS[label]
    least = math.ceil(NEEDED_PER_RATE / target)
    give = f"`memguard calibrate {index.name} --negatives FOLDER`"
    count = negatives_needed(observed, target) if observed.total else least
    if not operating.calibrated:
        return (
            f"A rate of {_percent(target)} takes at least {least:,} negatives to choose thresholds "
            f"by, and there are {observed.total:,}: default thresholds apply, drawn in where these "
            f"negatives came closer. Give {least:,} or more images that are not in the training "
            f"set: {give}."
        )
    if count is None:
        return (
            f"At the observed share no number of negatives proves {_percent(target)}. These "
            f"prove {_percent(observed.upper)}: ask for that (--{label}-rate "
            f"{observed.upper:.2g}), or look among the {verb}ged negatives for copies."
        ).replace("blockged", "blocked")
    return (
        f"If the observed share holds, about {count:,} negatives would prove "
        f"{_percent(target)}: {give}. Or ask for the rate that these prove (--{label}-rate "
        f"{observed.upper:.2g})."
    )


def _signals(calibration: Calibration, measured: Measurements) -> list[dict[str, Any]]:
    """One row a signal: its thresholds, and how many images lie within each."""
    names = [*calibration.thresholds, *measured.negatives]
    rows = []
    for name in dict.fromkeys(names):
        threshold = calibration.thresholds.get(name)
        limits = {
            "similar": threshold.similar if threshold else None,
            "memorized": threshold.memorized if threshold else None,
        }
        rows.append(
            {
                "name": name,
                "words": WORDS.get(name, ""),
                "decides": threshold is not None,
                "limits": {
                    label: {
                        "value": limit,
                        "text": threshold_text(name, limit) if threshold else "-",
                        "negatives": _within(measured.negatives, name, limit),
                        "copies": _within(measured.copies, name, limit),
                    }
                    for label, limit in limits.items()
                },
            }
        )
    return rows


def _within(distances: Mapping[str, Any], name: str, limit: float | None) -> Rate | None:
    if limit is None or name not in distances:
        return None
    return Rate.of(int((distances[name] <= limit).sum()), len(distances[name]))


def _histograms(calibration: Calibration, measured: Measurements) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "uri": data_uri(
                plots.histogram(
                    name,
                    values,
                    measured.copies[name],
                    calibration.thresholds.get(name),
                ),
                "image/svg+xml",
            ),
        }
        for name, values in measured.negatives.items()
    ]


def _lost(measured: Measurements) -> int:
    """Simulated copies whose own reference the search did not propose."""
    return max((int(np.isinf(values).sum()) for values in measured.copies.values()), default=0)


def _plot(svg: bytes | None) -> str | None:
    return None if svg is None else data_uri(svg, "image/svg+xml")


def _transforms(calibration: Calibration, measured: Measurements) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "copies": measured.transforms.count(name),
            "memorized": calibration.memorized.recall[name],
            "similar": calibration.similar.recall.get(name, math.nan),
        }
        for name in calibration.memorized.recall
    ]


def _pairs(index: Index, pairs: tuple[SetAside, ...]) -> list[dict[str, Any]]:
    """Each negative set aside beside the reference that it copies."""
    names = {name for pair in pairs for name in (pair.image, pair.reference)}
    uris = {name: picture_uri(image) for name, image in find_pictures(index, names).items()}
    return [
        {
            "pictures": [
                {"role": "negative", "name": pair.image, "uri": uris.get(pair.image)},
                {"role": "reference", "name": pair.reference, "uri": uris.get(pair.reference)},
            ],
            "distances": [
                (name, distance_text(name, distance))
                for name, distance in pair.distances.items()
                if name in DECIDING
            ],
        }
        for pair in pairs
    ]


DECIDING = (
    "structure",
    "phash256",
    "aligned_structure",
    "local_features",
    "sscd_normalised",
)
"""The witnesses of :func:`memguard.calibration.measurements.is_copy`."""


def _percent(share: float) -> str:
    """A share in per cent, with three digits."""
    if math.isnan(share):
        return "-"
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def _count(number: int) -> str:
    return f"{number:,}"
