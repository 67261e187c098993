"""The threshold on the text guidance of prompts, chosen on ordinary ones.

The values of ordinary prompts are exchangeable with that of a new one. So the chance that a new one
lies above the k-th largest of n is at most k / (n + 1), whatever their distribution (order
statistics). One value counts for each prompt: images of one prompt are alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from memguard.calibration.rates import Rate
from memguard.defaults import NEEDED_PER_RATE
from memguard.verdict import GuidanceReading, TextGuidance

FOLDS = 5
"""Folds of the cross-validation over the prompts."""

TIMESTEP_TOLERANCE = 0.05
"""Largest difference of a first timestep from that of the calibration, as a share of it. Chosen by
hand: schedules begin a little earlier or later with another number of steps."""


class GuidanceThreshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What text guidance is flagged above.

    Attributes:
        threshold: in the model's units; None where there were too few prompts to choose it.
        target: the share of ordinary prompts that may be flagged, in (0, 1).
        prompts: how many were measured.
        needed: how many it takes.
        observed: the share flagged, by cross-validation over the prompts.
        timestep: of the first step of their images.
        read: how it was read.
    """

    threshold: float | None
    target: float
    prompts: int
    needed: int
    observed: Rate
    timestep: float
    read: GuidanceReading

    def applies_to(self, measured: TextGuidance) -> bool:
        """Whether this was chosen for calls that begin at such a timestep and are read alike."""
        return measured.read == self.read and math.isclose(
            measured.timestep, self.timestep, rel_tol=TIMESTEP_TOLERANCE
        )

    @property
    def in_words(self) -> str:
        """What is flagged and what that promises, on one line."""
        if self.threshold is None:
            return (
                f"text guidance is measured and flags nothing: {self.prompts} ordinary prompts, "
                f"and a rate of {self.target:.3g} takes {self.needed}"
            )
        return (
            f"text guidance above {self.threshold:.3g} flags a prompt: target {self.target:.3g} of "
            f"ordinary prompts, observed {self.observed.share:.3g} (<= {self.observed.upper:.3g}) "
            f"of {self.prompts}"
        )


def guidance_threshold(ordinary: Sequence[TextGuidance], target: float) -> GuidanceThreshold | None:
    """The threshold for a rate; None where nothing was measured.

    Args:
        ordinary: one value for each prompt. Those that begin at another timestep than the first,
            or were read in another way, are left out.
        target: the share of ordinary prompts that may be flagged, in (0, 1).
    """
    if not ordinary:
        return None
    needed = math.ceil(NEEDED_PER_RATE / target)
    first = ordinary[0]
    chosen = GuidanceThreshold(None, target, 0, needed, Rate.of(0, 0), first.timestep, first.read)
    values = np.array([one.value for one in ordinary if chosen.applies_to(one)])
    enough = len(values) >= needed
    return msgspec.structs.replace(
        chosen,
        threshold=_order_statistic(values, target) if enough else None,
        prompts=len(values),
        observed=_observed(values, target) if enough else Rate.of(0, 0),
    )


def _order_statistic(values: NDArray[np.float64], target: float) -> float:
    """The value above which a new one lies with a chance of at most the target."""
    above = max(math.floor(target * (len(values) + 1)), 1)
    return float(np.sort(values)[-above])


def _observed(values: NDArray[np.float64], target: float) -> Rate:
    folds = np.arange(len(values)) % FOLDS
    flagged = sum(
        int((values[folds == fold] > _order_statistic(values[folds != fold], target)).sum())
        for fold in range(FOLDS)
    )
    return Rate.of(flagged, len(values))
