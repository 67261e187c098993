"""memguard keeps a diffusion model from showing copies of its own training images.

    pipe = guard(pipe, index="training.memguard")

Importing memguard is quick and loads no torch; names are resolved when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from memguard._version import __version__

if TYPE_CHECKING:
    from memguard.auditing.audit import audit
    from memguard.auditing.result import Audit
    from memguard.auditing.unconditional import audit_unconditional
    from memguard.auditing.unconditional_result import UnconditionalAudit
    from memguard.calibration.calibrate import Calibration
    from memguard.detection.detector import Detector
    from memguard.errors import (
        BuildError,
        CalibrationError,
        CheckFailedError,
        ConfigurationError,
        IndexUnavailableError,
        MemguardError,
        MemorizedImageError,
        UnreadableImageError,
        UnsupportedOutputError,
        WeightsError,
    )
    from memguard.index import Index
    from memguard.index.base import BuildSummary
    from memguard.index.open import open_index
    from memguard.lifecycle import add_images, build_index, calibrate_index
    from memguard.pipelines.guard import Guard, guard
    from memguard.pipelines.policy import Policy
    from memguard.verdict import Match, Signal, Verdict

_HOME = {
    "add_images": "memguard.lifecycle",
    "Audit": "memguard.auditing.result",
    "UnconditionalAudit": "memguard.auditing.unconditional_result",
    "audit": "memguard.auditing.audit",
    "audit_unconditional": "memguard.auditing.unconditional",
    "build_index": "memguard.lifecycle",
    "calibrate_index": "memguard.lifecycle",
    "Calibration": "memguard.calibration.calibrate",
    "CalibrationError": "memguard.errors",
    "BuildSummary": "memguard.index.base",
    "Detector": "memguard.detection.detector",
    "Guard": "memguard.pipelines.guard",
    "guard": "memguard.pipelines.guard",
    "Index": "memguard.index",
    "open_index": "memguard.index.open",
    "Policy": "memguard.pipelines.policy",
    "Match": "memguard.verdict",
    "Signal": "memguard.verdict",
    "Verdict": "memguard.verdict",
    "BuildError": "memguard.errors",
    "CheckFailedError": "memguard.errors",
    "ConfigurationError": "memguard.errors",
    "IndexUnavailableError": "memguard.errors",
    "MemguardError": "memguard.errors",
    "MemorizedImageError": "memguard.errors",
    "UnreadableImageError": "memguard.errors",
    "UnsupportedOutputError": "memguard.errors",
    "WeightsError": "memguard.errors",
}

__all__ = [
    "Audit",
    "BuildError",
    "BuildSummary",
    "Calibration",
    "CalibrationError",
    "CheckFailedError",
    "ConfigurationError",
    "Detector",
    "Guard",
    "Index",
    "IndexUnavailableError",
    "Match",
    "MemguardError",
    "MemorizedImageError",
    "Policy",
    "Signal",
    "UnconditionalAudit",
    "UnreadableImageError",
    "UnsupportedOutputError",
    "Verdict",
    "WeightsError",
    "__version__",
    "add_images",
    "audit",
    "audit_unconditional",
    "build_index",
    "calibrate_index",
    "guard",
    "open_index",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'memguard' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
