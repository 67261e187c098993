"""One image of a page: what is said and shown of it."""

from __future__ import annotations

import dataclasses

import pytest
from PIL import Image

from memguard import Detector, explain
from memguard.calibration.result import Calibration
from memguard.report.cases import GRAVITY, MEANINGS, case_of, unchecked_case


def test_what_adds_up_is_the_evidence(detector: Detector, cat: Image.Image) -> None:
    explanation = explain(cat, detector)
    case = case_of("a.png", explanation, Calibration.of(detector.index), "clear")
    assert case.shown is not None
    added = sum(float(adds) for _, _, adds in case.shown["parts"])
    evidence = -explanation.verdict.matches[0].distances["copy_evidence"]
    assert added == pytest.approx(evidence, abs=0.3)
    assert case.shown["deciding"][0]["label"] == "memorized"
    decided = {signal["name"] for signal in case.shown["deciding"]}
    assert decided.isdisjoint(name for name, _, _ in case.shown["measurements"])
    assert case.shown["outline"] is None, "the whole needs no outline"
    assert (case.recorded, case.data["image"]) == ("clear", "a.png")
    assert case.listed().shown is None


def test_an_index_without_pixels_shows_what_it_has(detector: Detector, cat: Image.Image) -> None:
    explanation = dataclasses.replace(explain(cat, detector), comparison=None)
    shown = case_of("a.png", explanation, None).shown
    assert shown is not None
    assert (shown["match_picture"], shown["overlay"], shown["difference"]) == (None, None, None)
    assert "never calibrated" in shown["promise"]


def test_the_gravest_come_first() -> None:
    assert set(GRAVITY) == set(MEANINGS)
    case = unchecked_case("a.png", "gone", "not checked")
    worse = dataclasses.replace(case, label="memorized", score=1.0)
    worst = dataclasses.replace(worse, score=2.0)
    assert sorted([case, worse, worst], key=lambda each: each.gravity) == [worst, worse, case]
