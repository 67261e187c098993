"""A reference that matches everything is suspended, loudly; one that is copied often is not."""

from __future__ import annotations

import copy
import logging
import pickle
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fixtures.calibrations import EXAMPLE, store_calibration
from fixtures.guarded_images import drawing
from PIL import Image, ImageEnhance, ImageOps

from memguard import Guard, build_index, quarantine_references, release_references
from memguard.calibration.load import calibrated_detector
from memguard.detection.signals import ALIKE_STRUCTURE
from memguard.pipelines import suspects
from memguard.pipelines.suspects import LEAST_RECENT, LEAST_UNLIKE, Suspects, _is_too_much
from memguard.signal_type import Threshold

FEW = 15
"""Distinct images before any reference is suspected, in these tests."""
UNLIKE = FEW + 3


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "LEAST_RECENT", FEW)


@pytest.fixture(scope="module")
def broken(cat: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index whose one reference every image is said to copy, whatever it shows."""
    root = tmp_path_factory.mktemp("broken")
    (root / "images").mkdir()
    cat.save(root / "images" / "cat.png")
    build_index(root / "images", root / "x.memguard", weights={}, calibrate=False, workers=0)
    loose = {"structure": Threshold(2.0, 1.9)}
    store_calibration(root / "x.memguard", msgspec.structs.replace(EXAMPLE, thresholds=loose))
    return root / "x.memguard"


@pytest.fixture
def own(broken: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(broken, tmp_path / "own.memguard"))


def labels(guard: Guard, images: Iterable[Image.Image]) -> list[str]:
    return [guard.check(image)[0].label for image in images]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = (one for one in caplog.records if one.levelno == logging.WARNING)
    return [one.getMessage() for one in said if "decided" in one.getMessage()]


def novel(number: int = UNLIKE) -> list[Image.Image]:
    return [drawing(2000 + seed) for seed in range(number)]


def edits(image: Image.Image, number: int) -> list[Image.Image]:
    """Copies of one picture that are all different: cut, mirrored, brighter, compressed."""
    rng = np.random.default_rng(0)
    made = []
    for at in range(number):
        left, top, right, bottom = rng.uniform(0, 0.1, 4)
        width, height = image.size
        box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
        cut = image.crop(tuple(map(int, box)))
        cut = ImageOps.mirror(cut) if at % 2 else cut
        made.append(ImageEnhance.Brightness(cut).enhance(rng.uniform(0.7, 1)))
    return made


def scenes(image: Image.Image, number: int) -> list[Image.Image]:
    """One picture on the walls of many rooms."""
    made = []
    for at in range(number):
        room = drawing(3000 + at).resize((400, 400))
        room.paste(image.resize((220, 146)), (20 + 5 * (at % 30), 30 + 7 * (at % 25)))
        made.append(room)
    return made


@pytest.mark.usefixtures("few")
def test_what_matches_everything_stops_blocking(
    own: Path, cat: Image.Image, caplog: pytest.LogCaptureFixture
) -> None:
    guard = Guard(own)
    assert labels(guard, novel()) == ["memorized"] * FEW + ["similar"] * (UNLIKE - FEW)
    (said,) = warnings(caplog)
    assert f"decided {FEW} of the last {FEW} distinct images" in said
    health = guard.health()
    (suspended,) = health.suspended
    assert f"memguard quarantine {own} {suspended}" in said
    assert not health.outdated
    (verdict,) = guard.check(drawing(1))
    assert "is suspended" in verdict.why
    assert labels(guard, [cat, ImageOps.mirror(cat)]) == ["memorized"] * 2
    guard.reload()
    assert guard.health().suspended == (suspended,)
    assert labels(guard, [drawing(1)]) == ["similar"]


@pytest.mark.usefixtures("few")
def test_somebody_decides(own: Path, caplog: pytest.LogCaptureFixture) -> None:
    guard = Guard(own)
    guard.check(novel())
    (suspended,) = guard.health().suspended
    release_references(own, [suspended], why="it is a memorized picture")
    assert labels(guard, [drawing(1)]) == ["similar"]
    guard.reload()
    assert guard.health().suspended == ()
    assert {verdict.label for verdict in guard.check(novel())} == {"memorized"}
    assert labels(guard, [drawing(1)]) == ["memorized"]
    assert len(warnings(caplog)) == 1
    quarantine_references(own, [suspended], why="it is half grey")
    assert guard.health().outdated
    guard.reload()
    assert labels(guard, [drawing(1)]) == ["clear"]


def hidden(image: Image.Image, number: int) -> list[Image.Image]:
    """Copies that are only seen without their alpha channel: on white, all are blank."""
    made = [edit.convert("RGBA") for edit in edits(image, number)]
    for one in made:
        one.putalpha(0)
    return made


def insets(image: Image.Image, number: int) -> list[Image.Image]:
    """Small copies on large grey canvases, which are blank as a whole."""
    made = []
    for at in range(number):
        canvas = Image.new("RGB", (4000, 3000), "grey")
        canvas.paste(image.resize((80, 53)), (40 * at, 30 * at))
        made.append(canvas)
    return made


ATTACKS = {
    "the same copy": lambda cat, n: [cat] * n,
    "edits": edits,
    "scenes": scenes,
}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("attack", ATTACKS)
def test_asking_for_one_copy_again_and_again_suspends_nothing(
    broken: Path, cat: Image.Image, attack: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody is told about it, once."""
    guard, asked = Guard(broken), Suspects("auto")
    detector = calibrated_detector(guard.index)
    (verdict,) = detector.detect([cat])
    images = ATTACKS[attack](cat, 2 * FEW)
    asked.watch(detector, [(image, verdict) for image in images])
    assert asked.suspended == frozenset()
    assert asked.asked == {verdict.matches[0].id}
    (said,) = warnings(caplog)
    assert "it goes on blocking, as they may be copies of it" in said
    asked.watch(detector, [(image, verdict) for image in novel()])
    assert asked.suspended == {verdict.matches[0].id}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("attack", [hidden, insets])
def test_copies_that_are_seen_in_one_way_only_suspend_nothing(
    own: Path, cat: Image.Image, attack: Callable[[Image.Image, int], list[Image.Image]]
) -> None:
    guard = Guard(own)
    assert "memorized" in labels(guard, attack(cat, UNLIKE))
    assert guard.health().suspended == ()


@pytest.mark.usefixtures("few")
def test_copies_that_come_at_once_count_once(broken: Path, cat: Image.Image) -> None:
    watching, detector = Suspects("auto"), calibrated_detector(Guard(broken).index)
    (verdict,) = detector.detect([cat])
    with ThreadPoolExecutor(8) as threads:
        for _ in range(2 * FEW):
            threads.submit(watching.watch, detector, [(cat, verdict)])
    assert watching.suspended == frozenset()
    assert watching.asked


@pytest.mark.usefixtures("few")
def test_a_guard_may_only_ask(broken: Path, caplog: pytest.LogCaptureFixture) -> None:
    guard = Guard(broken, quarantine="ask")
    assert {verdict.label for verdict in guard.check(novel())} == {"memorized"}
    (said,) = warnings(caplog)
    assert "it goes on blocking, as this guard only asks" in said
    assert (guard.health().suspended, len(guard.health().suspects)) == ((), 1)


@pytest.mark.usefixtures("few")
def test_copies_and_pickles_keep_what_is_suspended(broken: Path) -> None:
    guard = Guard(broken)
    guard.check(novel())
    for other in (copy.deepcopy(guard), pickle.loads(pickle.dumps(guard))):
        assert other.health().suspended == guard.health().suspended
        assert labels(other, [drawing(1)]) == ["similar"]


def test_a_failure_changes_no_verdict(
    broken: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise OSError("no memory")

    monkeypatch.setattr(suspects, "Picture", fails)
    assert labels(Guard(broken), [drawing(1)]) == ["memorized"]
    assert "could not look for references that match everything" in caplog.text


def test_how_many_are_too_many() -> None:
    assert not _is_too_much(LEAST_RECENT - 1, LEAST_RECENT - 1, 0.001)
    assert _is_too_much(LEAST_UNLIKE, LEAST_RECENT, 0.001)
    assert not _is_too_much(LEAST_UNLIKE - 1, LEAST_RECENT, 0.001)
    assert not _is_too_much(99, 500, 0.001)
    assert _is_too_much(100, 500, 0.001)
    assert not _is_too_much(LEAST_UNLIKE, LEAST_RECENT, 0.2)


def test_more_than_ten_unlike_images_are_not_all_whole_copies() -> None:
    """The bound of the module's docstring."""
    alike = 1 - ALIKE_STRUCTURE
    unlike = 1 - suspects.UNLIKE_STRUCTURE
    assert LEAST_UNLIKE * alike**2 > 1 + (LEAST_UNLIKE - 1) * unlike
