"""What is said of a calibration: each warning, and none without cause."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.calibrations import Calibrated
from msgspec.structs import replace

from memguard.calibration.rates import Rate
from memguard.calibration.result import Calibration
from memguard.cli.calibration_text import show_advice, show_calibration, warnings
from memguard.index import Index
from memguard.index.open import open_index


@pytest.fixture(scope="module")
def index(calibrated: Calibrated) -> Index:
    return open_index(calibrated.path)


@pytest.fixture(scope="module")
def sound(calibrated: Calibrated) -> Calibration:
    """A calibration without any cause for a warning."""
    known = calibrated.calibration
    point = replace(
        known.memorized,
        calibrated=True,
        target=0.5,
        observed=Rate.of(0, 100),
        recall={"blur": 1.0, "inset 60": 0.5},
    )
    return replace(known, memorized=point, similar=point, contaminated=(), shortfalls=())


def test_a_sound_calibration_has_no_warnings(sound: Calibration, index: Index) -> None:
    assert warnings(sound, index) == []


def test_each_cause_has_its_warning(
    sound: Calibration, calibrated: Calibrated, index: Index
) -> None:
    def only(changed: Calibration) -> str:
        (warning,) = warnings(changed, index)
        return warning

    point = sound.memorized
    assert "has grown from 2 to 4 images" in only(replace(sound, records=2))
    missed = replace(point, observed=Rate.of(90, 100))
    warning = only(replace(sound, memorized=missed))
    assert warning.startswith(
        "memorized: the target of 50\N{NO-BREAK SPACE}% was missed. More novel"
    )
    assert "First look at the pairs" in warning
    assert "takes 6 negatives to prove" in only(
        replace(sound, memorized=replace(point, calibrated=False))
    )
    assert only(replace(sound, shortfalls=("it finds too little",))) == "it finds too little"
    aside = calibrated.calibration.contaminated
    assert "set aside as copies of training images: check" in only(
        replace(sound, contaminated=aside)
    )


def test_the_terminal_shows_what_there_is(
    sound: Calibration, index: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    show_calibration(replace(sound, source="[red] photographs"), index, "today")
    printed = capsys.readouterr().out
    assert "Calibration of today" in printed
    assert "[red] photographs" in printed, "brackets are no markup"
    assert Path(index.name).name not in printed, "a warning would name the index"


def test_calibrate_says_what_missed_means_and_what_it_falls_short_of(
    sound: Calibration, capsys: pytest.CaptureFixture[str]
) -> None:
    missed = replace(sound.memorized, observed=Rate.of(90, 100))
    short = replace(sound, memorized=missed, shortfalls=("it finds too little",))
    show_advice("x.memguard", short)
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("memorized: missed. More novel images are blocked than you allowed")
    assert "First look at the pairs" in first
    assert last == "warning it finds too little"
