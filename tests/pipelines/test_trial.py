"""A second calibration runs beside the first, and is only recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fixtures.calibrations import Calibrated

from memguard import (
    Calibration,
    CalibrationError,
    Guard,
    Outcome,
    Signal,
    Verdict,
    calibration_at,
    guard,
    open_index,
)
from memguard.pipelines.trial import Trial
from memguard.signal_type import Threshold


@pytest.fixture
def stored(calibrated: Calibrated) -> Calibration:
    found = Calibration.of(open_index(calibrated.path))
    assert found is not None
    return found


def with_thresholds(stored: Calibration, similar: float, memorized: float | None) -> Calibration:
    limits = {"copy_evidence": Threshold(similar, memorized)}
    return msgspec.structs.replace(stored, thresholds=limits)


def test_it_is_recorded_and_decides_nothing(
    calibrated: Calibrated, stored: Calibration, cat: Any, tmp_path: Path
) -> None:
    lenient = with_thresholds(stored, -1e9, -1e9)
    log, seen = tmp_path / "audit.jsonl", list[Outcome]()
    file = tmp_path / "calibration.json"
    file.write_bytes(lenient.to_bytes())
    for trial in (lenient, file):
        guarded = guard(
            lambda: [cat], calibrated.path, trial=trial, audit_log=log, on_verdict=seen.append
        )
        (image,) = guarded()
        assert image.getextrema() == ((127, 127),) * 3, "the first calibration decides"
    assert [(one.verdict.label, one.trial) for one in seen] == [("memorized", "clear")] * 2
    assert seen[0].to_log()["trial"] == "clear"
    for line in log.read_text().splitlines():
        assert json.loads(line)["trial"] == {"calibration": lenient.id, "label": "clear"}
    Guard(calibrated.path, trial=lenient, audit_log=log).check(cat)
    assert json.loads(log.read_text().splitlines()[-1])["trial"]["label"] == "clear"


@pytest.mark.parametrize(
    ("similar", "memorized", "label"),
    [(0.4, 0.1, "clear"), (0.5, 0.1, "similar"), (0.9, 0.5, "memorized"), (0.9, None, "similar")],
)
def test_its_thresholds_are_applied_to_the_distances(
    stored: Calibration, similar: float, memorized: float | None, label: str
) -> None:
    calibration = with_thresholds(stored, similar, memorized)
    verdict = Verdict("similar", 0.6, (Signal("copy_evidence", 0.5, 0.6, 0.3),))
    assert Trial(calibration, calibration.id).label(verdict) == label


@pytest.mark.parametrize("label", ["unchecked", "uninformative"])
def test_what_was_not_compared_keeps_its_label(stored: Calibration, label: Any) -> None:
    assert Trial(stored, stored.id).label(Verdict(label, 0.0)) == label


def test_the_same_calibration_says_the_same(
    calibrated: Calibrated, stored: Calibration, photographs: dict[str, Any]
) -> None:
    trial = Trial(stored, stored.id)
    for verdict in Guard(calibrated.path).check(list(photographs.values())[:6]):
        assert trial.label(verdict) == verdict.label


def test_what_cannot_be_tried(calibrated: Calibrated, stored: Calibration, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"on trial, .*gone.json, cannot be read: No such"):
        Guard(calibrated.path, trial=tmp_path / "gone.json")
    (tmp_path / "damaged.json").write_text("{}")
    with pytest.raises(CalibrationError, match="is damaged"):
        Guard(calibrated.path, trial=tmp_path / "damaged.json")
    other = msgspec.structs.replace(stored, thresholds={"none": Threshold(1.0, None)})
    with pytest.raises(CalibrationError, match="signal 'none', which is not installed"):
        Guard(calibrated.path, trial=other)


def test_a_calibration_at_other_rates(calibrated: Calibrated, stored: Calibration) -> None:
    before = (calibrated.path / "calibration.json").read_bytes()
    same = calibration_at(
        calibrated.path,
        similar_rate=stored.similar.target,
        memorized_rate=stored.memorized.target,
    )
    limits, own = same.thresholds["copy_evidence"], stored.thresholds["copy_evidence"]
    assert limits.similar == pytest.approx(own.similar, abs=1e-4), "distances are stored rounded"
    looser = calibration_at(calibrated.path, similar_rate=0.9, memorized_rate=0.5)
    assert looser.memorized.target == 0.5
    assert looser.thresholds["copy_evidence"].similar >= own.similar
    assert (calibrated.path / "calibration.json").read_bytes() == before
    with pytest.raises(CalibrationError, match="a rate lies between 0 and 1"):
        calibration_at(calibrated.path, similar_rate=2)
