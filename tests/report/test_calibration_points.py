"""Operating points in words, and how many negatives would prove a target."""

from __future__ import annotations

import math

import pytest
from fixtures.calibrations import EXAMPLE
from msgspec.structs import replace

from memguard.calibration.measurements import Measurements, Method
from memguard.calibration.rates import Rate
from memguard.calibration.result import OperatingPoint
from memguard.report.calibration_points import Point, negatives_needed, points
from memguard.verdict import Label

NOTHING_MEASURED = Measurements({}, {}, (), "held-out", 0, ())


def test_how_many_negatives_are_needed() -> None:
    none = Rate.of(0, 100)
    needed = negatives_needed(none, 0.001)
    assert needed is not None
    assert 2995 <= needed <= 3100  # 1 - 0.05 ** (1 / n) <= 0.001 from n = 2995 on
    assert Rate.of(0, needed).upper <= 0.001
    some = negatives_needed(Rate.of(1, 400), 0.01)
    assert some is not None
    assert Rate.of(math.ceil(some / 400), some).upper <= 0.01
    assert Rate.of(math.ceil(0.8 * some / 400), int(0.8 * some)).upper > 0.01
    assert negatives_needed(Rate.of(4, 324), 0.01) is None


@pytest.mark.parametrize(
    ("count", "calibrated", "said"),
    [
        (
            0,
            False,
            "0 of 100 negatives blocked proves 2.95 %, not 0.1 %. That takes at least 3,000",
        ),
        (
            0,
            True,
            "These negatives prove 2.95 %. If the observed share holds, about 3,000",
        ),
    ],
)
def test_what_would_prove_a_target(count: int, calibrated: bool, said: str) -> None:
    observed = Rate.of(count, 100)
    point = OperatingPoint(0.001, calibrated, observed, observed, {})
    example = replace(EXAMPLE, memorized=point, thresholds={})
    block, flag = points("my index", example, NOTHING_MEASURED)
    assert "`memguard calibrate 'my index' --" in block.needed
    assert (block.label, block.verb, flag.verb) == ("memorized", "block", "flag")
    assert plain(block.needed).startswith(said)
    assert block.means == "These negatives neither prove the target nor contradict it."
    if calibrated:
        assert "--memorized-rate 0.03 --similar-rate 0.03" in block.needed
    assert block.own == 0


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def missed(method: Method, label: Label = "memorized") -> Point:
    """The point of a label that too many of 100 negatives got."""
    observed = Rate.of(8, 100)
    point = OperatingPoint(0.01, True, observed, observed, {})
    example = replace(EXAMPLE, memorized=point, similar=point, method=method, thresholds={})
    block, flag = points("x.memguard", example, NOTHING_MEASURED)
    found = block if label == "memorized" else flag
    assert found.operating.status == "missed"
    return found


def test_missed_says_what_it_means_and_what_to_do() -> None:
    point = missed("held-out")
    assert point.means.startswith("More novel images are blocked than you allowed, and not by")
    assert "of every 100 novel images 4 to 14 are blocked without reason" in point.means
    steps = ("First look at the pairs", "take it out of the folder", 'policy="flag"')
    places = [point.needed.index(step) for step in steps]
    assert places == sorted(places)
    assert point.operating.observed.upper == pytest.approx(0.1397, abs=1e-4)
    assert "--memorized-rate 0.14 --similar-rate 0.14" in point.needed, "no rate below the proven"
    flagged = missed("held-out", "similar")
    assert "are flagged than you allowed" in flagged.means
    assert "policy" not in flagged.needed
    assert "review.csv" in missed("generations").needed


def test_training_images_that_come_close_are_no_false_positives() -> None:
    point = missed("leave-one-out")
    assert "training set's own images" in point.means
    assert "memguard duplicates x.memguard" in point.needed
    assert "without reason" not in point.means


def test_proven() -> None:
    observed = Rate.of(0, 400)
    point = OperatingPoint(0.01, True, observed, observed, {})
    block, _ = points("x", replace(EXAMPLE, memorized=point, thresholds={}), NOTHING_MEASURED)
    assert "chance does not explain it" in block.means
    assert block.needed == ""
