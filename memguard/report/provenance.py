"""What a page is evidence of: which index, when, by which memguard, and how to repeat it."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone

from memguard._version import __version__
from memguard.calibration.result import Calibration
from memguard.index import Index
from memguard.index.local import DirectoryIndex
from memguard.index.store.documents import CALIBRATION


def provenance(index: Index, command: str) -> list[tuple[str, str]]:
    """Headings and values for a page.

    Args:
        index: what images were compared with.
        command: how to repeat it.
    """
    rows = [("index", index.name), ("training images", f"{len(index):,}")]
    if isinstance(index, DirectoryIndex):
        rows.append(("index's revision", str(index.manifest.revision)))
        rows.append(("index's fingerprint (SHA-256)", index.manifest.fingerprint))
    return [
        *rows,
        ("descriptors", ", ".join(spec.name for spec in index.specs)),
        *(
            (f"weights of {spec.name} (SHA-256)", spec.weights_sha256)
            for spec in index.specs
            if spec.weights_sha256
        ),
        *_thresholds(index),
        ("made", f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC"),
        ("memguard", __version__),
        ("command", command),
    ]


def _thresholds(index: Index) -> list[tuple[str, str]]:
    calibration, document = Calibration.of(index), index.read_document(CALIBRATION)
    if calibration is None or document is None:
        return [("thresholds", "default thresholds, never calibrated")]
    return [
        ("thresholds", f"{calibration.method}, {calibration.negatives:,} negatives"),
        ("calibration's fingerprint (SHA-256)", hashlib.sha256(document).hexdigest()),
    ]
