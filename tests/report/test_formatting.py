"""Distances, thresholds and shares as text."""

from __future__ import annotations

import math

import numpy as np
from fixtures.calibrations import PICTURE_SIGNALS

from memguard.report.formatting import (
    SIGNAL_HEADINGS,
    distance_text,
    percent,
    region_text,
    signal_rows,
    threshold_text,
)
from memguard.verdict import Match, Region, Signal, Verdict


def test_hash_thresholds_are_the_bits_that_count() -> None:
    assert threshold_text(np.nextafter(48, 0), counts_bits=True) == "47"
    assert threshold_text(48.0, counts_bits=True) == "48"
    assert threshold_text(None) == "never"


def test_distances_have_the_digits_that_matter() -> None:
    assert distance_text(3.0) == "3"
    assert distance_text(0.123456) == "0.1235"
    assert distance_text(math.inf) == "none"


def test_shares_in_per_cent() -> None:
    assert percent(0.12345) == "12.3\N{NO-BREAK SPACE}%"
    assert percent(math.nan) == "-"


def test_signals_with_thresholds_come_first() -> None:
    match = Match("1", "a.png", "as is", {"phash64": 20.0, "structure": 0.5})
    signal = Signal("structure", 0.4, similar=0.3, memorized=0.2)
    rows = signal_rows(Verdict("clear", 0.1, (signal,), (match,)), PICTURE_SIGNALS)
    assert [dict(zip(SIGNAL_HEADINGS, row))["reference shown"] for row in rows] == ["0.5", "20"]
    assert rows[0] == ("structure", "0.4", "0.5", "0.3", "0.2", "clear")


def test_a_match_that_a_signal_was_not_measured_on() -> None:
    """The strongest match may be an embedding without pixels, another one a picture."""
    embedded = Match("1", "a.npy#0", "as is", {"clip": 0.01})
    pictured = Match("2", "b.png", "as is", {"clip": 0.3, "structure": 0.5})
    signal = Signal("structure", 0.5, similar=0.3, memorized=0.2)
    rows = signal_rows(Verdict("clear", 0.1, (signal,), (embedded, pictured)), PICTURE_SIGNALS)
    assert rows[0] == ("structure", "0.5", "-", "0.3", "0.2", "clear")


def test_a_region_in_one_sentence() -> None:
    part = Region((), (), share_of_reference=0.62, share_of_query=0.554)
    text = "What agrees spans 62% of the training image and 55% of this image"
    assert region_text(part) == f"{text}; details within may differ"
    whole = Region((), (), share_of_reference=1.0, share_of_query=1.0)
    assert region_text(whole).startswith("What agrees spans the whole training image and all of")
