"""Recall is averaged over references; thresholds allow a share of the novel images."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.real.cases import Case, Kind
from benchmarks.real.observation import Observation, by_case
from benchmarks.real.score import score, single_signal


def cases_at(kind: Kind, reference: str, *distances: float) -> list[tuple[Case, Observation]]:
    found = []
    for number, distance in enumerate(distances):
        case = Case(Path(f"{reference}__x__{number}.png"), kind, reference)
        label = "memorized" if distance < 0.3 else "clear"
        found.append((case, Observation(case.name, label, label, {"l2": distance}, {"l2": "cat"})))
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
    found = score("rule", CASES, OBSERVATIONS, lambda one: one.shipped == "memorized")
    assert found.recall == {"copies": (3 / 4 + 0) / 2, "template": 1.0}
    assert (found.novel.count, found.novel.total) == (0, 100)
    assert found.missed == ["copies/cat__x__3.png", "copies/dog__x__0.png"]
    assert found.false == []


@pytest.mark.parametrize(("share", "count", "threshold"), [(0.0, 0, 0.35), (0.01, 1, 0.36)])
def test_a_threshold_lies_at_the_first_novel_image_not_allowed(
    share: float, count: int, threshold: float
) -> None:
    found = single_signal("l2", share, CASES, OBSERVATIONS)
    assert found.threshold == pytest.approx(threshold)
    assert found.novel.count == count
    assert found.recall["copies"] == pytest.approx((3 / 4 + 0) / 2)
