"""The plots of calibrations and audits: SVG, drawn by matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memguard._optional import require
from memguard.auditing.eidetic import RELATIVE_COPY
from memguard.calibration.measurements import Measurements
from memguard.calibration.operating_rules import FOLDS, evaluate, operating_rules
from memguard.calibration.result import Calibration
from memguard.defaults import NEEDED_PER_RATE
from memguard.report.formatting import threshold_text
from memguard.signal_type import SignalType, Threshold
from memguard.verdict import Label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEGATIVES, COPIES = "#8d99a6", "#2b6cb0"
LABEL_COLOURS: Mapping[Label, str] = {"similar": "#c77700", "memorized": "#b91c1c"}
LABEL_LINES: Mapping[Label, str] = {"similar": "--", "memorized": "-"}
LABEL_MARKERS: Mapping[Label, str] = {"similar": "o", "memorized": "s"}
VERBS: Mapping[Label, str] = {"memorized": "block", "similar": "flag"}

BINS = 60
CLOSEST = 20
"""Negatives drawn one by one below a histogram: a few of them decide the threshold."""
RATES = np.logspace(-4, -0.3, 30)
"""Target rates of the ROC's points."""
FEWEST = 2 * FOLDS
"""A ROC needs this many negatives."""

WIDTH = 3.9
"""Inches: the width of a phone's page (374 of 390 pixels), so that text keeps its size there."""
FONT_POINTS = 9

STYLE: Mapping[str, Any] = {
    "font.size": FONT_POINTS,
    "axes.labelsize": FONT_POINTS,
    "xtick.labelsize": FONT_POINTS,
    "ytick.labelsize": FONT_POINTS,
    "savefig.transparent": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": FONT_POINTS,
    "svg.hashsalt": "memguard",
}


def histogram(
    signal: SignalType,
    negatives: NDArray[np.float64],
    copies: NDArray[np.float64],
    threshold: Threshold | None,
) -> bytes:
    """Distances of negatives and of simulated copies in one signal, with its thresholds."""

    def draw(axes: Axes) -> None:
        shown = [values[np.isfinite(values)] for values in (negatives, copies)]
        both = np.concatenate(shown)
        if not len(both):
            axes.set_axis_off()
            axes.text(0.5, 0.5, "nothing was compared", ha="center")
            return
        low, high = float(both.min()), float(both.max())
        edges = np.linspace(low, high + 1e-9, BINS)
        for values, colour, total in zip(shown, (NEGATIVES, COPIES), (len(negatives), len(copies))):
            weights = np.full(len(values), 100 / max(total, 1))
            axes.hist(values, edges.tolist(), weights=weights, color=colour, alpha=0.65)
        closest = np.sort(shown[0])[:CLOSEST]
        axes.plot(closest, np.full(len(closest), -0.025), "|", color="#3d4751", ms=7, mew=1)
        axes.lines[-1].set_transform(axes.get_xaxis_transform())
        axes.lines[-1].set_clip_on(False)
        limits = _limits(threshold)
        for label, limit in limits.items():
            axes.axvline(limit, color=LABEL_COLOURS[label], ls=LABEL_LINES[label], lw=1.6)
        axes.set_title(signal.name)
        axes.set_title(
            ", ".join(f"{VERBS[label]} {_threshold(signal, limits[label])}" for label in limits),
            loc="right",
            fontweight="normal",
            fontsize=9,
        )
        axes.set_xlabel("distance (smaller is closer)", labelpad=7)
        axes.set_ylabel("% of each")
        axes.tick_params(axis="x", pad=7)

    return svg(draw, 2.4)


def roc(
    calibration: Calibration, measured: Measurements, signals: Mapping[str, SignalType]
) -> bytes | None:
    """Recall against the false-positive rate of all signals together; None for too few images.

    Each negative is judged by thresholds chosen without it, as for the observed rates.
    """
    count = calibration.negatives
    if count < FEWEST or not measured.transforms:
        return None
    blocked = calibration.memorized.target
    rates, recalls = zip(*(_trade(measured, signals, rate, blocked) for rate in RATES.tolist()))

    def draw(axes: Axes) -> None:
        axes.plot(rates, recalls, "o", color=COPIES, ms=3.5, label="other targets")
        axes.axvspan(0, NEEDED_PER_RATE / count, color="#000000", alpha=0.06, lw=0)
        for label, point in calibration.operating_points().items():
            observed = point.observed
            axes.errorbar(
                [observed.share],
                [point.mean_recall],
                xerr=[[observed.share - observed.lower], [observed.upper - observed.share]],
                fmt=LABEL_MARKERS[label],
                color=LABEL_COLOURS[label],
                capsize=3,
                ms=7,
                label=f"{VERBS[label]}: in use, with 90 % interval",
            )
            axes.axvline(
                point.target,
                color=LABEL_COLOURS[label],
                ls=":",
                lw=1,
                label=f"{VERBS[label]}: target {100 * point.target:.3g} %",
            )
        axes.set_xscale("symlog", linthresh=1 / count, linscale=0.7)
        axes.set_xlim(-0.08 / count, 1)
        ticks = [0, 1 / count, *(tick for tick in (1e-3, 1e-2, 0.1, 1.0) if tick > 2 / count)]
        axes.set_xticks(ticks, [f"{100 * tick:.2g} %" if tick < 1 else "100 %" for tick in ticks])
        axes.minorticks_off()
        lowest = min(
            *recalls, *(point.mean_recall for point in calibration.operating_points().values())
        )
        axes.set_ylim(max(0.0, math.floor(lowest * 10 - 0.5) / 10), 1.01)
        axes.locator_params(axis="y", steps=[1, 2, 5, 10], nbins=8)
        axes.yaxis.set_major_formatter(per_cent)
        axes.grid(alpha=0.25)
        axes.set_xlabel("observed false-positive rate of all signals together")
        axes.set_ylabel("recall of simulated copies")
        axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left")

    return svg(draw, 4.3)


def recall_bars(calibration: Calibration) -> bytes | None:
    """Recall of each transform at both operating points; None without simulated copies."""
    points = calibration.operating_points()
    bars: Sequence[tuple[Label, float, float, str]] = (
        ("memorized", 0.2, 0.85, "blocked"),
        ("similar", -0.2, 0.5, "flagged or blocked"),
    )
    names = list(calibration.memorized.recall)
    if not names:
        return None

    def draw(axes: Axes) -> None:
        rows = np.arange(len(names))
        for label, offset, alpha, legend in bars:
            recall = [points[label].recall.get(name, 0.0) for name in names]
            color = LABEL_COLOURS[label]
            axes.barh(rows + offset, recall, 0.38, color=color, alpha=alpha, label=legend)
        axes.set_yticks(rows, names)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(per_cent)
        axes.grid(axis="x", alpha=0.25)
        axes.set_axisbelow(True)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)

    return svg(draw, 0.6 + 0.29 * len(names))


def precision_plot(precision: Sequence[float], marked: int) -> bytes | None:
    """Precision among the first n prompts of the ranking; None if fewer than two have a clique."""
    if len(precision) < 2:
        return None

    def draw(axes: Axes) -> None:
        ranks = np.arange(1, len(precision) + 1)
        axes.plot(ranks, precision, "-o", color=COPIES, ms=3)
        if marked:
            axes.axvline(marked + 0.5, color=LABEL_COLOURS["memorized"], ls="--", lw=1.2)
            axes.annotate(
                "marked",
                (marked + 0.5, 0.03),
                ha="right",
                rotation=90,
                color=LABEL_COLOURS["memorized"],
            )
        axes.set_xlim(0.5, len(precision) + 0.5)
        axes.set_ylim(0, 1.03)
        axes.locator_params(axis="x", integer=True)
        axes.yaxis.set_major_formatter(per_cent)
        axes.grid(alpha=0.25)
        axes.set_xlabel("prompts, the most suspicious first")
        axes.set_ylabel("copies among them")

    return svg(draw, 2.4)


def relative_plot(relative: Sequence[float]) -> bytes | None:
    """Histogram of the samples' relative l2; None without samples."""
    if not relative:
        return None

    def draw(axes: Axes) -> None:
        values = np.asarray(relative)
        edges = np.linspace(0, max(float(values.max()), RELATIVE_COPY) + 1e-6, BINS)
        for kind, colour in (
            (values < RELATIVE_COPY, COPIES),
            (values >= RELATIVE_COPY, NEGATIVES),
        ):
            axes.hist(values[kind], edges.tolist(), color=colour)
        axes.axvline(RELATIVE_COPY, color=LABEL_COLOURS["memorized"], lw=1.6)
        axes.set_xlabel("relative l2 (below 1: a copy)")
        axes.set_ylabel("samples")

    return svg(draw, 2.4)


def _trade(
    measured: Measurements, signals: Mapping[str, SignalType], rate: float, blocked: float
) -> tuple[float, float]:
    """False-positive rate and recall of flagging, at one target rate."""
    measured_signals = [signals[name] for name in measured.negatives]
    flag, _ = operating_rules(measured_signals, rate, min(blocked, rate))
    _, worth = evaluate(measured, flag)
    return worth.observed.share, worth.mean_recall


def _threshold(signal: SignalType, limit: float) -> str:
    return threshold_text(limit, counts_bits=signal.counts_bits)


def _limits(threshold: Threshold | None) -> dict[Label, float]:
    if threshold is None:
        return {}
    limits: dict[Label, float] = {"similar": threshold.similar}
    if threshold.memorized is not None:
        limits["memorized"] = threshold.memorized
    return {label: limit for label, limit in limits.items() if math.isfinite(limit)}


def per_cent(share: float, _position: float) -> str:
    """Format a share on an axis."""
    return f"{100 * share:.3g} %"


def svg(draw: Callable[[Axes], None], height: float) -> bytes:
    """Draw a plot of this height in inches."""
    matplotlib = require("matplotlib", extra="report")
    figures = require("matplotlib.figure", extra="report")
    with matplotlib.rc_context(dict(STYLE)):
        figure = figures.Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure.add_subplot())
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
