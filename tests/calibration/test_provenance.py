"""What an index and its thresholds are evidence of, in words."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fixtures.calibrations import Calibrated

from memguard import __version__, open_index
from memguard.calibration.load import calibrated_detector
from memguard.calibration.negatives import LeaveOneOut
from memguard.calibration.provenance import (
    calibration_facts,
    index_facts,
    made_now,
    threshold_facts,
)
from memguard.defaults import MEMORIZED_RATE, SIMILAR_RATE
from memguard.index.local import DirectoryIndex


def test_an_index_is_named_by_its_revision_and_fingerprint(gallery: Path) -> None:
    index = DirectoryIndex.open(gallery)
    facts = index_facts(index)
    assert facts["index"] == index.name
    assert facts["training images"] == str(len(index))
    assert facts["index's revision"] == str(index.manifest.revision)
    assert facts["index's fingerprint (SHA-256)"] == index.manifest.fingerprint
    assert facts["descriptors"].split(", ") == [spec.name for spec in index.specs]


def test_thresholds_are_named_by_the_file_that_holds_them(
    gallery: Path, calibrated: Calibrated
) -> None:
    assert threshold_facts(open_index(gallery)) == {
        "thresholds": "default thresholds, never calibrated"
    }
    stored = (calibrated.path / "calibration.json").read_bytes()
    facts = threshold_facts(open_index(calibrated.path))
    assert facts["calibration's fingerprint (SHA-256)"] == hashlib.sha256(stored).hexdigest()
    assert facts["thresholds"].startswith("held-out, ")


def test_the_command_repeats_what_was_asked_for(gallery: Path) -> None:
    index = open_index(gallery)
    detector = calibrated_detector(index, thorough=True)

    def command(negatives: LeaveOneOut | None, similar: float, memorized: float) -> str:
        return calibration_facts(
            detector,
            negatives,
            similar_rate=similar,
            memorized_rate=memorized,
            clip_blocks=True,
        )["command"]

    assert command(None, SIMILAR_RATE, MEMORIZED_RATE) == (
        f"memguard calibrate {gallery} --thorough --clip-blocks"
    )
    assert "--similar-rate 0.05 --memorized-rate 0.01" in command(None, 0.05, 0.01)


def test_made_here_by_this_memguard() -> None:
    facts = made_now()
    assert facts["memguard"] == __version__
    assert facts["run in"] == str(Path.cwd())
    assert facts["made"].endswith(" UTC")
