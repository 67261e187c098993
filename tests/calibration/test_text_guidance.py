"""The threshold on prompts: what it promises, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from memguard.calibration.text_guidance import guidance_threshold
from memguard.verdict import TextGuidance


def measured(values: np.ndarray, timestep: float = 981.0, read: str = "pair") -> list[TextGuidance]:
    return [TextGuidance(float(value), timestep, read) for value in values]


def test_new_prompts_are_flagged_no_more_often_than_promised() -> None:
    """Over many calibrations, on values whose tail is heavy."""
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        chosen = guidance_threshold(measured(rng.lognormal(size=60)), 0.05)
        assert chosen is not None
        shares.append((rng.lognormal(size=500) > chosen.threshold).mean())
    assert 0.03 < np.mean(shares) < 0.055


def test_the_observed_share_comes_with_its_bound() -> None:
    chosen = guidance_threshold(measured(np.random.default_rng(1).random(300)), 0.01)
    assert chosen is not None
    assert (chosen.prompts, chosen.needed, chosen.observed.total) == (300, 300, 300)
    assert chosen.observed.count < 12
    assert chosen.observed.upper > 0.01
    assert "of 300" in chosen.in_words


def test_too_few_prompts_choose_no_threshold() -> None:
    chosen = guidance_threshold(measured(np.random.default_rng(1).random(299)), 0.01)
    assert chosen is not None
    assert chosen.threshold is None
    assert "299 ordinary prompts" in chosen.in_words
    assert "takes 300" in chosen.in_words


def test_nothing_measured_nothing_chosen() -> None:
    assert guidance_threshold([], 0.01) is None


def test_values_of_other_timesteps_and_readings_are_left_out() -> None:
    values = np.linspace(0, 1, 30)
    others = measured(values + 5, 500.0) + measured(values + 5, read="guidance input")
    chosen = guidance_threshold(measured(values) + others, 0.1)
    assert chosen is not None
    assert chosen.prompts == 30
    assert chosen.threshold == pytest.approx(values[-3])
    assert chosen.applies_to(TextGuidance(2.0, 961.0, "pair"))
    assert not chosen.applies_to(TextGuidance(2.0, 900.0, "pair"))
    assert not chosen.applies_to(TextGuidance(2.0, 981.0, "guidance input"))
