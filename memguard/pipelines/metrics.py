"""Counters and histograms for OpenTelemetry, as an ``on_verdict``."""

from __future__ import annotations

from typing import Any

from memguard._optional import require
from memguard._version import __version__
from memguard.pipelines.outcome import Outcome

MILLISECOND = 1e-3
"""In seconds, OpenTelemetry's unit of durations."""


class Metrics:
    """Counts what guards do: ``guard(pipe, on_verdict=Metrics())``.

    ====================== ========= =======================================================
    ``memguard.images``    counter   images, by ``label``, ``action``, ``would`` (``none``
                                     where the policy was enforced) and ``trial``
    ``memguard.score``     histogram scores of images that were compared, by ``label``
    ``memguard.duration``  histogram seconds of each call, by ``stage``
    ====================== ========= =======================================================

    Nothing in them names a training image or a request.

    Args:
        meter_provider: of OpenTelemetry; by default the one that the program has set.

    Raises:
        ConfigurationError: OpenTelemetry is not installed.
    """

    def __init__(self, meter_provider: Any = None) -> None:
        api = require("opentelemetry.metrics", extra="metrics")
        meter = api.get_meter("memguard", __version__, meter_provider)
        self._images = meter.create_counter(
            "memguard.images", unit="{image}", description="Images of guarded calls"
        )
        self._score = meter.create_histogram(
            "memguard.score", unit="1", description="Strongest evidence of a copy; 1 blocks"
        )
        self._duration = meter.create_histogram(
            "memguard.duration", unit="s", description="Time of each stage of a guarded call"
        )

    def __call__(self, outcome: Outcome) -> None:
        """Count an image; the times of its call with the first of its images."""
        label = outcome.verdict.label
        self._images.add(
            1,
            {
                "label": label,
                "action": outcome.action,
                "would": outcome.would or "none",
                "trial": outcome.trial or "none",
            },
        )
        if label not in ("unchecked", "uninformative"):
            self._score.record(outcome.verdict.score, {"label": label})
        if outcome.position == 0:
            for stage, milliseconds in outcome.stages.items():
                self._duration.record(milliseconds * MILLISECOND, {"stage": stage})
