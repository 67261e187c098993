"""Recall is averaged over references; thresholds allow a share of the novel images."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.real.cases import Case, Kind
from benchmarks.real.observation import Observation, by_case, closest
from benchmarks.real.score import SINGLE_SIGNALS, score, single_signal
from memguard.descriptors import weightless_descriptors
from memguard.descriptors.sscd import Sscd
from memguard.detection.signals import default_thresholds, signal_table


def cases_at(kind: Kind, reference: str, *distances: float) -> list[tuple[Case, Observation]]:
    found = []
    for number, distance in enumerate(distances):
        case = Case(Path(f"{reference}__x__{number}.png"), kind, reference)
        label = "memorized" if distance < 0.3 else "clear"
        found.append((case, Observation(case.name, label, label, {"l2": distance}, "cat.jpg")))
    return found


ALL = [
    *cases_at("copies", "cat", 0.1, 0.1, 0.1, 0.5),
    *cases_at("copies", "dog", 0.4),
    *cases_at("template", "shirt", 0.2),
    *cases_at("novel", "prompt", *(0.35 + 0.01 * i for i in range(100))),
]
CASES = [case for case, _ in ALL]
OBSERVATIONS = by_case([one for _, one in ALL])


def test_a_reference_with_many_copies_counts_once() -> None:
    blocked = {name: one.shipped == "memorized" for name, one in OBSERVATIONS.items()}
    found = score("rule", CASES, blocked)
    assert found.recall == {"copies": (3 / 4 + 0) / 2, "template": 1.0}
    assert (found.novel.count, found.novel.total) == (0, 100)
    assert found.missed == ["copies/cat__x__3.png", "copies/dog__x__0.png"]
    assert found.false == []


@pytest.mark.parametrize(("share", "count", "threshold"), [(0.0, 0, 0.35), (0.01, 1, 0.36)])
def test_a_threshold_lies_at_the_first_novel_image_not_allowed(
    share: float, count: int, threshold: float
) -> None:
    found = single_signal("l2", share, CASES, closest([OBSERVATIONS]))
    assert found.threshold == pytest.approx(threshold)
    assert found.novel.count == count
    assert found.recall["copies"] == pytest.approx((3 / 4 + 0) / 2)


def test_every_signal_that_decides_is_scored_alone() -> None:
    table = signal_table([*weightless_descriptors(), Sscd])
    assert set(default_thresholds(table)) <= set(SINGLE_SIGNALS)


def test_a_signal_alone_sees_the_candidates_of_every_setting() -> None:
    settings = [
        {"a": Observation("a", "clear", "clear", distances, "cat.jpg")}
        for distances in ({"l2": 0.3, "pdq": 90.0}, {"l2": 0.2, "sscd": 0.5})
    ]
    assert closest(settings) == {"a": {"l2": 0.2, "pdq": 90.0, "sscd": 0.5}}
