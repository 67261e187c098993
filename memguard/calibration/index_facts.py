"""What pages and results are evidence of, in words: an index and its thresholds, the time."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone

from memguard._version import __version__
from memguard.calibration.result import Calibration
from memguard.index import Index
from memguard.index.local import DirectoryIndex
from memguard.index.store.documents import CALIBRATION


def index_facts(index: Index) -> dict[str, str]:
    """Heading to value: the index, its version, its weights and its calibration."""
    facts = {"index": index.name, "training images": f"{len(index):,}"}
    if isinstance(index, DirectoryIndex):
        facts["index's revision"] = str(index.manifest.revision)
        facts["index's fingerprint (SHA-256)"] = index.manifest.fingerprint
    facts["descriptors"] = ", ".join(spec.name for spec in index.specs)
    for spec in index.specs:
        if spec.weights_sha256:
            facts[f"weights of {spec.name} (SHA-256)"] = spec.weights_sha256
    return facts | _thresholds(index)


def made_now() -> dict[str, str]:
    """Heading to value: the time, and this memguard."""
    return {
        "made": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "memguard": __version__,
    }


def _thresholds(index: Index) -> dict[str, str]:
    calibration, document = Calibration.of(index), index.read_document(CALIBRATION)
    if calibration is None or document is None:
        return {"thresholds": "default thresholds, never calibrated"}
    return {
        "thresholds": f"{calibration.method}, {calibration.negatives:,} negatives",
        "calibration's fingerprint (SHA-256)": hashlib.sha256(document).hexdigest(),
    }
