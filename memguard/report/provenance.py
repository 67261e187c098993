"""What a page is evidence of: which index, when, by which memguard, and how to repeat it."""

from __future__ import annotations

from datetime import datetime, timezone

from memguard._version import __version__
from memguard.calibration.result import Calibration
from memguard.index import Index
from memguard.index.local import DirectoryIndex


def provenance(index: Index, command: str) -> list[tuple[str, str]]:
    """Headings and values for a page.

    Args:
        index: what images were compared with.
        command: how to repeat it.
    """
    calibration = Calibration.of(index)
    known = (
        "default thresholds, never calibrated"
        if calibration is None
        else f"{calibration.method}, {calibration.negatives:,} negatives"
    )
    rows = [("index", index.name), ("training images", f"{len(index):,}")]
    if isinstance(index, DirectoryIndex):
        rows.append(("index's fingerprint (SHA-256)", index.manifest.fingerprint))
    return [
        *rows,
        ("thresholds", known),
        ("made", f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"),
        ("memguard", __version__),
        ("command", command),
    ]
