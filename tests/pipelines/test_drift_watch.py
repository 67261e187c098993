"""A guard says once that its images drift."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.calibrations import Calibrated

from memguard import Detector, Guard, Verdict, open_index
from memguard.calibration.load import calibrated_detector
from memguard.pipelines.drift_watch import DriftWatch
from memguard.verdict import Signal

COPY = Verdict("memorized", 1.2, (Signal("copy_evidence", -60.0, -12.0, -24.0),))


@pytest.fixture
def detector(calibrated: Calibrated) -> Detector:
    return calibrated_detector(open_index(calibrated.path))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.getMessage().startswith("drift")]


def test_it_is_said_once(detector: Detector, caplog: pytest.LogCaptureFixture) -> None:
    watch = DriftWatch()
    for _ in range(1000):
        watch.add([COPY], detector)
    said = warnings(caplog)
    assert {one.what for one in watch.found} >= {"flagged", "blocked"}
    assert len(said) == len(watch.found) <= 3
    assert said[0].startswith("drift: 100 of the last 100 images were flagged (100.00%); ")
    assert "memguard calibrate" in said[0]
    assert caplog.records[-1].memguard["images"] == 100


def test_threads_count_together(detector: Detector, caplog: pytest.LogCaptureFixture) -> None:
    watch = DriftWatch()

    def work() -> None:
        for _ in range(25):
            watch.add([COPY], detector)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.images for one in watch.found} == {100}


def test_the_default_thresholds_promise_nothing(gallery: Path) -> None:
    watch = DriftWatch()
    watch.add([COPY] * 1000, Detector(open_index(gallery), []))
    assert watch.found == ()


def test_a_calibration_that_was_replaced_is_not_compared_with(
    calibrated: Calibrated, detector: Detector
) -> None:
    watch = DriftWatch()
    other = Detector(detector.index, [], calibration="0" * 64)
    watch.add([COPY] * 1000, other)
    assert watch.found == ()


@pytest.mark.parametrize("copied", [lambda watch: pickle.loads(pickle.dumps(watch))])
def test_a_copy_begins_anew(detector: Detector, copied: Callable[[Any], Any]) -> None:
    watch = DriftWatch()
    watch.add([COPY] * 100, detector)
    assert copied(watch).found == ()


def test_a_guard_watches_its_calls(
    calibrated: Calibrated, cat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memguard.calibration.drift.FIRST_LOOK", 6)
    guard = Guard(calibrated.path)
    assert guard.drift == ()
    guarded = guard.wrap(lambda: [cat] * 2)
    for _ in range(3):
        guarded()
    assert "blocked" in {one.what for one in guard.drift}
