"""The plots of an audit, drawn by matplotlib, each an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from memguard.auditing.eidetic import RELATIVE_COPY
from memguard.report.plots import COPIES, LABEL_COLOURS, NEGATIVES, per_cent, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 60


def precision_plot(precision: Sequence[float], marked: int) -> bytes | None:
    """Precision among the first n prompts of the ranking; None where none has a clique."""
    if not precision:
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
                fontsize=8,
            )
        axes.set_xlim(0.5, len(precision) + 0.5)
        axes.set_ylim(0, 1.03)
        axes.locator_params(axis="x", integer=True)
        axes.yaxis.set_major_formatter(per_cent)
        axes.grid(alpha=0.25)
        axes.set_xlabel("prompts, the most suspicious first")
        axes.set_ylabel("copies among them")

    return svg(draw, (6.4, 2.8))


def relative_plot(relative: Sequence[float]) -> bytes | None:
    """How the relative l2 of the samples is distributed; None without samples."""
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

    return svg(draw, (6.4, 2.6))
