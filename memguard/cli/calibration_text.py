"""A calibration on the terminal: what it promises, what was seen, and what to know of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from memguard.calibration.result import PROVES, Calibration
from memguard.cli.console import counted, out
from memguard.defaults import NEEDED_PER_RATE
from memguard.detection.signals import index_signals
from memguard.index import Index
from memguard.report.calibration_points import means, needed
from memguard.report.formatting import percent, threshold_text


def show_worth(calibration: Calibration) -> None:
    """Print each operating point's promise, what was seen, its recall, and by which negatives."""
    table = Table(
        title=f"{calibration.method}: {counted(calibration.negatives, 'negative')}",
        title_justify="left",
    )
    for heading in ("label", "target FPR", "observed FPR (95 % bound)", "recall of copies"):
        table.add_column(heading)
    for label, point in calibration.operating_points().items():
        table.add_row(
            label,
            f"{point.target:g}, {point.status}",
            f"{point.observed.share:.2%} (< {point.observed.upper:.2%})",
            f"{point.mean_recall:.1%}",
        )
    out.print(table)
    if calibration.source:
        out.print(f"negatives: {escape(calibration.source)}")
    out.print(f"what {calibration.method} shows: {PROVES[calibration.method]}")
    if calibration.text_guidance is not None:
        out.print(f"prompts: {calibration.text_guidance.in_words}")


def show_advice(index: str, calibration: Calibration) -> None:
    """Print what would prove each target, what a missed one means, and what the calibration lacks.

    Args:
        index: named in commands.
    """
    for label, point in calibration.operating_points().items():
        meaning = f"missed. {means(calibration, label)} " if point.status == "missed" else ""
        if sentence := needed(index, calibration, label):
            out.print(f"[bold]{label}[/]: {escape(meaning + sentence)}")
    for sentence in calibration.shortfalls:
        out.print(f"[yellow]warning[/] {escape(sentence)}")


def show_calibration(calibration: Calibration, index: Index, made: str) -> None:
    """Print all that reviewers ask of a calibration.

    Args:
        calibration: of the index.
        index: for the names of its signals.
        made: when, in words.
    """
    thorough = ", thorough" if calibration.thorough else ""
    out.print(f"\n[bold]Calibration[/] of {made}, on {calibration.records} images{thorough}")
    show_worth(calibration)
    types = index_signals(index)
    table = Table("signal", "flags at or below", "blocks at or below")
    for name, limits in calibration.thresholds.items():
        bits = name in types and types[name].counts_bits
        table.add_row(
            name,
            threshold_text(limits.similar, counts_bits=bits),
            threshold_text(limits.memorized, counts_bits=bits),
        )
    out.print(table)
    if calibration.memorized.recall:
        table = Table("simulated copies", "blocked", "flagged or blocked")
        for kind, blocked in calibration.memorized.recall.items():
            flagged = calibration.similar.recall.get(kind, math.nan)
            table.add_row(kind, f"{blocked:.0%}", f"{flagged:.0%}")
        out.print(table)
    for sentence in warnings(calibration, index):
        out.print(f"[yellow]warning[/] {escape(sentence)}")


def warnings(calibration: Calibration, index: Index) -> list[str]:
    """What a user must know before relying on the thresholds; each says what to do."""
    return list(_warnings(calibration, index))


def _warnings(calibration: Calibration, index: Index) -> Iterator[str]:
    again = f"run `memguard calibrate {index.name}`"
    if calibration.outgrown(len(index)):
        yield (
            f"the index has grown from {calibration.records} to {len(index)} images since, so "
            f"more novel images may be flagged than was promised: {again}"
        )
    for label, point in calibration.operating_points().items():
        if point.status == "missed":
            yield (
                f"{label}: the target of {percent(point.target)} was missed. "
                f"{means(calibration, label)} {needed(index.name, calibration, label)} "
                f"`memguard report {index.name}` writes the report"
            )
    if not calibration.memorized.calibrated:
        need = math.ceil(NEEDED_PER_RATE / calibration.memorized.target)
        yield (
            f"a rate of {calibration.memorized.target:g} takes {need} negatives to prove: default "
            "thresholds apply, tightened where these negatives came closer"
        )
    yield from calibration.shortfalls
    if calibration.contaminated:
        pairs = counted(len(calibration.contaminated), "negative")
        yield (
            f"{pairs} set aside as copies of training images: check the pairs in the report "
            f"(`memguard report {index.name}`)"
        )
