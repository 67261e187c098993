"""What the checks come to, as JSON values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.as_shipped.checks import Check, Promise
from memguard.calibration.rates import Rate


def set_figures(
    split: int, kind: str, references: int, promised: Promise, checks: Sequence[Check]
) -> dict[str, Any]:
    """One training set of one split: what is found, what is blocked, what was promised.

    Args:
        split: its number.
        kind: of the set.
        references: its size.
        promised: by its calibration.
        checks: of copies and of novel pictures.
    """
    novel = [one for one in checks if one.role == "test"]
    false = [one for one in novel if one.is_blocked]
    observed = Rate.of(len(false), len(novel))
    return {
        "split": split,
        "set": kind,
        "references": references,
        "recall": shares_by_transform([one for one in checks if one.role == "copy"]),
        "novel": asdict(observed),
        "blocked by": dict(Counter(signal for one in false for signal in one.blocked_by)),
        "promise": asdict(promised),
        "kept": is_kept(promised, observed),
    }


def is_kept(promised: Promise, observed: Rate) -> bool:
    """Whether novel pictures do not contradict the target at 95 %, nor exceed what is proven."""
    return observed.lower <= promised.target and observed.share <= promised.rate.upper


def shares_by_transform(checks: Sequence[Check]) -> dict[str, float]:
    """The share of copies that is blocked, by transform."""
    found: dict[str, list[bool]] = {}
    for one in checks:
        found.setdefault(one.transform, []).append(one.is_blocked)
    return {name: round(float(np.mean(hits)), 4) for name, hits in found.items()}


def evasion_figures(checks_by_mode: Mapping[str, Sequence[Check]]) -> dict[str, Any]:
    """How many of how many changed photographs are found, and novel ones blocked.

    Args:
        checks_by_mode: standard, thorough.

    Returns:
        By mode, by role, evasion to [blocked, checked].
    """
    return {
        mode: {
            role: _counts([one for one in checks if one.role == role]) for role in ("copy", "test")
        }
        for mode, checks in checks_by_mode.items()
    }


def _counts(checks: Sequence[Check]) -> dict[str, list[int]]:
    counts: dict[str, list[int]] = {}
    for one in checks:
        count = counts.setdefault(one.transform, [0, 0])
        count[0] += one.is_blocked
        count[1] += 1
    return counts
