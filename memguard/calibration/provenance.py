"""What pages and results are evidence of, in words: an index and its thresholds, the time."""

from __future__ import annotations

import hashlib
import shlex
from datetime import datetime, timezone
from pathlib import Path

from memguard._version import __version__
from memguard.calibration.negatives import Negatives
from memguard.calibration.result import Calibration
from memguard.defaults import MEMORIZED_RATE, SIMILAR_RATE
from memguard.detection.detector import Detector
from memguard.index import Index
from memguard.index.local import DirectoryIndex
from memguard.index.store.documents import CALIBRATION


def index_facts(index: Index) -> dict[str, str]:
    """Heading to value: the index, its version and its weights."""
    facts = {"index": index.name, "training images": f"{len(index):,}"}
    if isinstance(index, DirectoryIndex):
        facts["index's revision"] = str(index.manifest.revision)
        facts["index's fingerprint (SHA-256)"] = index.manifest.fingerprint
    facts["descriptors"] = ", ".join(spec.name for spec in index.specs)
    for spec in index.specs:
        if spec.weights_sha256:
            facts[f"weights of {spec.name} (SHA-256)"] = spec.weights_sha256
    return facts


def threshold_facts(index: Index) -> dict[str, str]:
    """Heading to value: the thresholds of an index."""
    calibration, document = Calibration.of(index), index.read_document(CALIBRATION)
    if calibration is None or document is None:
        return {"thresholds": "default thresholds, never calibrated"}
    return {
        "thresholds": f"{calibration.method}, {calibration.negatives:,} negatives",
        "calibration's fingerprint (SHA-256)": hashlib.sha256(document).hexdigest(),
    }


def made_now() -> dict[str, str]:
    """Heading to value: the time, this memguard, and the working directory."""
    return {
        "made": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        "memguard": __version__,
        "run in": str(Path.cwd()),
    }


def calibration_facts(
    detector: Detector,
    negatives: Negatives | None,
    *,
    similar_rate: float,
    memorized_rate: float,
    clip_blocks: bool,
) -> dict[str, str]:
    """Heading to value: what is calibrated, when, and the command that repeats it."""
    words = ["memguard", "calibrate", detector.index.name]
    if negatives is not None:
        words += ["--negatives", str(negatives.folder or "FOLDER")]
    for option, rate, default in (
        ("--similar-rate", similar_rate, SIMILAR_RATE),
        ("--memorized-rate", memorized_rate, MEMORIZED_RATE),
    ):
        if rate != default:
            words += [option, f"{rate:g}"]
    words += ["--thorough"] * detector.thorough + ["--clip-blocks"] * clip_blocks
    return {**index_facts(detector.index), **made_now(), "command": shlex.join(words)}
