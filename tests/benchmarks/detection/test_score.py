"""Recall and false-positive rates, from observations whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.detection.observation import Observation, read_observations, with_role
from benchmarks.detection.score import (
    DEFAULTS,
    MEMGUARD,
    SINGLE_SIGNALS,
    Rule,
    columns,
    equal_tails,
    halves,
    score,
    uncontaminated,
)
from memguard.detection.signals import ADDED_EVIDENCE
from memguard.vision.transforms import SIMULATED_COPIES

RULE = Rule("structure", ("structure",))


def observation(
    role: str, distance: float, source: str = "a.png", transform: str = "clean", **changes: object
) -> Observation:
    values = {
        "source": source,
        "kind": "photograph",
        "role": role,
        "transform": transform,
        "distances": {"standard": {"structure": distance}},
        "nearest": {"standard": "b.png"},
        "contaminated_by": {},
        "pdq": 100.0,
        "distilled": None,
    }
    return Observation(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def split() -> list[Observation]:
    """Two pictures copied: every transform of one is found, of the other all but one. One of a
    hundred test negatives is as near as a copy."""
    copies = [
        observation("copy", 0.9 if source == "b.png" and name == "mirror" else 0.01, source, name)
        for source in ("a.png", "b.png")
        for name in SIMULATED_COPIES
    ]
    calibration = [
        observation("calibration", 0.5 + 0.001 * i, f"calibration {i}") for i in range(100)
    ]
    tests = [observation("test", 0.6, f"test {i // 2}") for i in range(99)]
    tests.append(observation("test", 0.02, "test 49"))
    return [*copies, *calibration, *tests]


def test_memguard_s_rules_take_every_signal_that_decides_by_default() -> None:
    assert {rule.signals for rule in MEMGUARD if "sscd" in rule.detector} == {tuple(DEFAULTS)}
    assert {rule.signals for rule in MEMGUARD if "sscd" not in rule.detector} == {
        tuple(name for name in DEFAULTS if not name.startswith("sscd"))
    }


def test_what_the_fused_score_adds_up_is_scored_alone_too() -> None:
    alone = {name for rule in SINGLE_SIGNALS for name in rule.signals}
    assert {"shared_region", *ADDED_EVIDENCE} <= alone


def test_recall_and_false_positives_are_counted(split: list[Observation]) -> None:
    scored = score([split], RULE, 0.01)
    assert scored.recall["mirror"] == 0.5
    assert {value for name, value in scored.recall.items() if name != "mirror"} == {1.0}
    assert (scored.images.count, scored.images.total) == (1, 100)
    assert (scored.sources.count, scored.sources.total) == (1, 50)


def test_thresholds_lie_below_the_negatives(split: list[Observation]) -> None:
    (thresholds,) = score([split], RULE, 0.01).thresholds
    assert 0.4 < thresholds["structure"] < 0.51


def test_contaminated_negatives_choose_no_threshold(split: list[Observation]) -> None:
    contaminated = observation(
        "calibration", 0.0, "copy of a", contaminated_by={"standard": "a.png"}
    )
    assert len(uncontaminated([*split, contaminated], RULE)) == 100
    assert score([[*split, contaminated]], RULE, 0.01) == score([split], RULE, 0.01)


def test_what_was_not_compared_is_infinitely_far() -> None:
    rule = Rule("all", ("structure", "sscd", "pdq", "distilled"))
    found = columns([observation("test", 0.25)], rule)
    assert {name: values.tolist() for name, values in found.items()} == {
        "structure": [0.25],
        "sscd": [np.inf],
        "pdq": [100.0],
        "distilled": [np.inf],
    }


def test_rivals_flag_as_many_negatives_as_the_rate_allows() -> None:
    negatives = {"one": np.arange(100.0), "other": np.arange(100.0)[::-1].copy()}
    limits = equal_tails(negatives, {}, 0.04)
    flagged = (negatives["one"] <= limits["one"]) | (negatives["other"] <= limits["other"])
    assert flagged.sum() == 4


def test_all_copies_of_a_picture_are_in_one_half() -> None:
    copies = [observation("copy", 0.0, source) for source in ("c.png", "a.png", "b.png", "a.png")]
    assert halves(copies).tolist() == [0, 0, 1, 0]


def test_observations_survive_the_cache(split: list[Observation], tmp_path: Path) -> None:
    file = tmp_path / "observations.jsonl"
    file.write_text("".join(one.to_line() for one in split))
    assert list(read_observations(file)) == split
    assert len(with_role(split, "test")) == 100
