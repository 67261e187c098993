"""Operating points in words, and how many negatives would prove a target."""

from __future__ import annotations

import math

import pytest
from fixtures.calibrations import EXAMPLE
from msgspec.structs import replace

from memguard.calibration.measurements import Measurements
from memguard.calibration.rates import Rate
from memguard.calibration.result import OperatingPoint
from memguard.report.calibration_points import negatives_needed, points

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
        (5, True, "At the observed share no number of negatives proves 0.1 %"),
    ],
)
def test_what_would_prove_a_target(count: int, calibrated: bool, said: str) -> None:
    observed = Rate.of(count, 100)
    point = OperatingPoint(0.001, calibrated, observed, observed, {})
    example = replace(EXAMPLE, memorized=point, thresholds={})
    block, flag = points("x.memguard", example, NOTHING_MEASURED)
    assert (block.label, block.verb, flag.verb) == ("memorized", "block", "flag")
    assert block.needed.replace("\N{NO-BREAK SPACE}", " ").startswith(said)
    if calibrated:
        assert f"--memorized-rate {observed.upper:.2g}" in block.needed
    assert block.own == 0
