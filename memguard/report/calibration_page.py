"""The calibration of an index as one HTML page.

For those who must defend a threshold: the target, what was observed on which images, what that
proves, and what would prove more. To add a column to a table, see ``calibration_tables.py``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from memguard.calibration.measurements import ContaminatedNegative, Measurements
from memguard.calibration.operating_rules import FOLDS
from memguard.calibration.rates import CONFIDENCE
from memguard.calibration.result import PROVES, Calibration
from memguard.defaults import NEEDED_PER_RATE
from memguard.detection.signals import index_signals
from memguard.errors import CalibrationError, ConfigurationError
from memguard.files import sealed, write_text
from memguard.index import Index
from memguard.index.local import DirectoryIndex
from memguard.index.open import open_index
from memguard.index.store.documents import CALIBRATION_PAGE
from memguard.report import plots
from memguard.report.calibration_points import points
from memguard.report.calibration_tables import recall_table, signal_table
from memguard.report.formatting import distance_text
from memguard.report.pages import find_pictures, plot_uri, render
from memguard.report.plots import VERBS
from memguard.report.provenance import calibration_provenance
from memguard.signal_type import SignalType

MOST_PAIRS = 60
"""Contaminated negatives that are shown with their pictures; the others are named."""


def calibration_page(index: Index | str | os.PathLike[str]) -> str:
    """The page, as HTML.

    Raises:
        CalibrationError: the index has no calibration, it is damaged, or one of its signals is not
            installed here.
        ConfigurationError: the extra ``report`` is not installed.
    """
    opened = index if isinstance(index, Index) else open_index(index)
    calibration = Calibration.of(opened)
    if calibration is None:
        raise CalibrationError(
            f"{opened.name} has not been calibrated; run `memguard calibrate {opened.name}`"
        )
    types = index_signals(opened)
    calibration.require_signals(types, opened.name)
    measured = Measurements.of(opened)
    return render(
        "calibration.html.j2",
        name=Path(opened.name).resolve().name,
        directory=opened.name,
        calibration=calibration,
        proves=PROVES[calibration.method],
        points=points(opened.name, calibration, measured),
        signals=signal_table(calibration, measured, types),
        histograms=_histograms(calibration, measured, types),
        roc=plot_uri(plots.roc(calibration, measured, types)),
        recall=recall_table(calibration, measured),
        bars=plot_uri(plots.recall_bars(calibration)),
        copies=len(measured.transforms),
        missed=_missed(measured),
        colours=plots.LABEL_COLOURS,
        sides={"negatives": plots.NEGATIVES, "copies": plots.COPIES},
        nearest=_pairs(opened, measured.nearest, calibration, types),
        pairs=_pairs(opened, calibration.contaminated[:MOST_PAIRS], calibration, types),
        more_pairs=calibration.contaminated[MOST_PAIRS:],
        records=len(opened),
        outgrown=calibration.outgrown(len(opened)),
        provable=NEEDED_PER_RATE / max(calibration.negatives, 1),
        confidence=CONFIDENCE,
        folds=FOLDS,
        provenance=calibration_provenance(opened, calibration),
    )


def report_index(
    index: Index | str | os.PathLike[str], output: str | os.PathLike[str] | None = None
) -> Path:
    """Write the page, by default into the index, and return where it is.

    Raises:
        CalibrationError, ConfigurationError: see :func:`calibration_page`.
    """
    opened = index if isinstance(index, Index) else open_index(index)
    if output is None and not isinstance(opened, DirectoryIndex):
        raise ConfigurationError(f"{opened.name} is no directory: name the page's file (-o)")
    target = Path(opened.name) / CALIBRATION_PAGE if output is None else Path(output)
    write_text(target, sealed(calibration_page(opened)))
    return target


def _histograms(
    calibration: Calibration, measured: Measurements, types: Mapping[str, SignalType]
) -> list[tuple[str, str | None]]:
    """Each signal with its plot."""
    return [
        (
            name,
            plot_uri(
                plots.histogram(
                    types[name],
                    negatives,
                    measured.simulated_copies[name],
                    calibration.thresholds.get(name),
                )
            ),
        )
        for name, negatives in measured.negatives.items()
    ]


def _missed(measured: Measurements) -> int:
    """Simulated copies whose own reference the search did not propose."""
    return max(
        (int(np.isinf(values).sum()) for values in measured.simulated_copies.values()), default=0
    )


def _pairs(
    index: Index,
    pairs: Sequence[ContaminatedNegative],
    calibration: Calibration,
    types: Mapping[str, SignalType],
) -> list[dict[str, Any]]:
    """Each negative with the reference that it copies or comes nearest to."""
    uris = find_pictures(index, {name for pair in pairs for name in (pair.image, pair.reference)})
    return [
        {
            "pictures": [
                {"role": role, "name": name, "uri": uris.get(name)}
                for role, name in (("negative", pair.image), ("reference", pair.reference))
            ],
            "reason": pair.reason,
            "verb": _verb(pair, calibration),
            "distances": [
                (name, distance_text(distance))
                for name, distance in pair.distances.items()
                if name in calibration.thresholds
                or (name in types and types[name].witness is not None)
            ],
        }
        for pair in pairs
    ]


def _verb(pair: ContaminatedNegative, calibration: Calibration) -> str | None:
    """What the thresholds in use do to such an image; None if nothing."""
    for label, verb in VERBS.items():
        for name, threshold in calibration.thresholds.items():
            limit: float | None = getattr(threshold, label)
            if limit is not None and pair.distances.get(name, math.inf) <= limit:
                return verb
    return None
