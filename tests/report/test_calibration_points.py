"""How many negatives would prove a target."""

from __future__ import annotations

import math

from memguard.calibration.rates import Rate
from memguard.report.calibration_points import negatives_needed


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
