"""Plots: SVG, or nothing where there is too little to plot."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
from fixtures.calibrations import PICTURE_SIGNALS, Calibrated, stored_measurements
from msgspec.structs import replace

from memguard.report.plots import histogram, precision_plot, recall_bars, relative_plot, roc


def texts(svg: bytes | None) -> str:
    """The text of a plot; matplotlib keeps it as comments by the glyphs."""
    assert svg is not None
    ElementTree.fromstring(svg)
    return svg.decode()


def test_no_roc_from_a_handful_of_negatives(calibrated: Calibrated) -> None:
    calibration, measured = calibrated.calibration, stored_measurements(calibrated.path)
    assert roc(calibration, measured, PICTURE_SIGNALS) is not None
    assert roc(replace(calibration, negatives=3), measured, PICTURE_SIGNALS) is None


def test_a_bar_for_each_transform(calibrated: Calibrated) -> None:
    drawn = texts(recall_bars(calibrated.calibration))
    for name in calibrated.calibration.memorized.recall:
        assert f"<!-- {name} -->" in drawn
    nothing = replace(calibrated.calibration.memorized, recall={})
    assert recall_bars(replace(calibrated.calibration, memorized=nothing)) is None


def test_a_histogram_without_finite_distances_says_so() -> None:
    infinite = np.full(3, np.inf)
    assert "nothing was compared" in texts(
        histogram(PICTURE_SIGNALS["structure"], infinite, infinite, None)
    )
    assert "nothing was compared" not in texts(
        histogram(PICTURE_SIGNALS["structure"], np.ones(3), infinite, None)
    )


def test_plots_of_an_audit_without_samples() -> None:
    assert precision_plot([], 0) is None
    assert precision_plot([1.0], 1) is None, "one point is no curve"
    assert relative_plot([]) is None
    assert "marked" in texts(precision_plot([1.0, 0.5], 1))
    assert "<!-- marked -->" not in texts(precision_plot([1.0, 0.5], 0))
    assert "relative l2" in texts(relative_plot([0.5, 1.5]))


PHONE_PIXELS = 362
"""Of a plot on a page that is 390 pixels wide, less its margins."""

LEGIBLE_PIXELS = 11


def test_text_is_legible_on_a_phone(calibrated: Calibrated) -> None:
    calibration, measured = calibrated.calibration, stored_measurements(calibrated.path)
    plots = [
        roc(calibration, measured, PICTURE_SIGNALS),
        recall_bars(calibration),
        precision_plot([1.0, 0.5], 1),
        relative_plot([0.5, 1.5]),
        histogram(PICTURE_SIGNALS["structure"], np.ones(3), np.ones(3), None),
    ]
    for drawn in map(texts, plots):
        (width,) = map(float, re.findall(r'<svg [^>]*width="([\d.]+)pt"', drawn))
        points = [100 * float(each) for each in re.findall(r"scale\(([\d.]+) -", drawn)]
        assert min(points) * PHONE_PIXELS / width >= LEGIBLE_PIXELS


def test_plots_have_no_ground_of_their_own() -> None:
    """A dark page inverts them."""
    drawn = texts(relative_plot([0.5, 1.5]))
    assert "#ffffff" not in drawn
