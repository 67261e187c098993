"""Decisions on distances made here."""

from __future__ import annotations

import dataclasses

import pytest

from memguard.detection.decision import SHOWN_MATCHES, decide, rank
from memguard.signal_type import Threshold
from memguard.verdict import COMMON, Match

THRESHOLDS = {
    "a": Threshold(similar=0.4, memorized=0.2),
    "b": Threshold(similar=0.1, memorized=None),
}


def match(name: str, **distances: float) -> Match:
    return Match(name, f"{name}.png", "as is", distances)


@pytest.mark.parametrize(
    ("a", "b", "label"),
    [
        (0.5, 0.5, "clear"),
        (0.4, 0.5, "similar"),
        (0.2, 0.5, "memorized"),
        (0.5, 0.0, "similar"),
        (0.1, 0.0, "memorized"),
    ],
)
def test_the_gravest_signal_decides(a: float, b: float, label: str) -> None:
    assert decide([match("x", a=a, b=b)], THRESHOLDS, {}).label == label


def test_signals_hold_the_smallest_distance_of_any_reference() -> None:
    verdict = decide([match("x", a=0.3, b=0.9), match("y", a=0.7, b=0.2)], THRESHOLDS, {})
    assert {signal.name: signal.distance for signal in verdict.signals} == {"a": 0.3, "b": 0.2}


def test_signals_that_were_not_measured_are_absent() -> None:
    verdict = decide([match("x", b=0.05)], THRESHOLDS, {})
    assert [signal.name for signal in verdict.signals] == ["b"]
    assert verdict.label == "similar"


@pytest.mark.parametrize("matches", [[], [match("x", c=0.0)]])
def test_nothing_to_decide_on_is_clear(matches: list[Match]) -> None:
    verdict = decide(matches, THRESHOLDS, {})
    assert (verdict.label, verdict.score, verdict.matches) == ("clear", 0.0, ())
    assert verdict.why == "no reference came near the image"


def test_the_graver_label_outranks_more_evidence() -> None:
    blocked, flagged_twice = match("x", a=0.2, b=0.9), match("y", a=0.21, b=0.0)
    assert rank(blocked, THRESHOLDS)[0] > rank(flagged_twice, THRESHOLDS)[0]
    assert rank(blocked, THRESHOLDS)[1] < rank(flagged_twice, THRESHOLDS)[1]


def test_the_reason_names_signal_reference_threshold_and_rate() -> None:
    rates = {"similar": 0.01, "memorized": 0.001}
    verdict = decide([match("x", a=0.15)], THRESHOLDS, rates)
    reason = "a distance 0.15 to reference x.png is within the block threshold 0.2 (FPR 0.001)"
    assert verdict.why == reason
    clear = decide([match("x", a=0.9)], THRESHOLDS, rates)
    assert clear.why.endswith("is beyond the flag threshold 0.4 (FPR 0.01)")


def test_a_verdict_shows_a_few_matches() -> None:
    many = [match(str(number), a=0.1) for number in range(SHOWN_MATCHES + 1)]
    assert decide(many, THRESHOLDS, {}).matches == tuple(many[:SHOWN_MATCHES])


def test_a_part_that_many_references_share_only_flags() -> None:
    shared = dataclasses.replace(match("logo", a=0.05), shared_by=COMMON)
    verdict = decide([shared], THRESHOLDS, {})
    assert (verdict.label, verdict.score) == ("similar", pytest.approx(0.9375))
    assert verdict.signals[0].memorized is None
    assert verdict.why == (
        "a distance 0.05 to reference logo.png is within the flag threshold 0.4, and does not "
        "block: 3 or more other references share this small part"
    )


def test_another_reference_blocks_beside_a_shared_part() -> None:
    shared = dataclasses.replace(match("logo", a=0.05), shared_by=COMMON)
    few = dataclasses.replace(match("x", a=0.15), shared_by=COMMON - 1)
    assert rank(few, THRESHOLDS) > rank(shared, THRESHOLDS)
    verdict = decide([few, shared], THRESHOLDS, {})
    assert (verdict.label, verdict.signals[0].distance) == ("memorized", 0.15)
    assert "x.png" in verdict.why


def test_of_references_without_evidence_the_nearest_is_named() -> None:
    """Evidence ends at 0: all of these are far beyond the threshold, one of them less so."""
    thresholds = {"e": Threshold(similar=-16, memorized=-24)}
    far, nearer = match("far", e=0.0), match("nearer", e=-3.9)
    assert rank(nearer, thresholds) > rank(far, thresholds)
    verdict = decide([far, nearer], thresholds, {})
    assert verdict.label == "clear"
    assert "nearer.png" in verdict.why
    assert "distance -3.9" in verdict.why
