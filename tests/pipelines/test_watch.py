"""An index that stays open: its canaries, and whether it is still the index at its path."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fixtures.guarded_images import drawing

from memguard import IndexUnavailableError, add_images, open_index
from memguard.index import Health, Index
from memguard.pipelines import watch
from memguard.pipelines.watch import Watch


@pytest.fixture(autouse=True)
def at_each_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "RECHECK_CHECKS", 0)


def grown(index: Path) -> None:
    images = index.parent / "more"
    images.mkdir()
    drawing(500).save(images / "more.png")
    add_images(images, index, workers=0)


def test_it_looks_after_many_checks_or_a_long_time(
    own_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, looks = open_index(own_index), []
    healthy = index.health()

    def health(self: Index) -> Health:
        looks.append(self)
        return healthy

    monkeypatch.setattr(type(index), "health", health)
    monkeypatch.setattr(watch, "RECHECK_CHECKS", 3)
    often = Watch()
    for _ in range(8):
        often.look(index)
    assert len(looks) == 2
    monkeypatch.setattr(watch, "RECHECK_SECONDS", 0.0)
    Watch().look(index)
    assert len(looks) == 3


def test_a_change_is_told_once(own_index: Path, caplog: pytest.LogCaptureFixture) -> None:
    index, watching = open_index(own_index), Watch()
    watching.look(index)
    assert caplog.text == ""
    grown(own_index)
    for _ in range(3):
        watching.look(index)
    assert caplog.text.count("has changed since it was opened, from 7 to 8 references; call") == 1
    newer = open_index(own_index)
    watching.restart()
    caplog.clear()
    watching.look(newer)
    assert caplog.text == ""


def test_another_index_in_its_place_fails(own_index: Path, index: Path) -> None:
    grown(own_index)
    opened, watching = open_index(own_index), Watch()
    shutil.move(own_index, own_index.with_name("elsewhere"))
    shutil.copytree(index, own_index)
    with pytest.raises(IndexUnavailableError, match="cannot be read any more"):
        watching.look(opened)


def test_a_copy_in_its_place_is_the_same_index(
    own_index: Path, index: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened, watching = open_index(own_index), Watch()
    shutil.rmtree(own_index)
    shutil.copytree(index, own_index)
    watching.look(opened)
    assert caplog.text == ""


def test_an_index_that_is_deleted_fails_until_it_is_back(own_index: Path) -> None:
    opened, watching = open_index(own_index), Watch()
    away = own_index.with_name("away")
    own_index.rename(away)
    for _ in range(2):
        with pytest.raises(IndexUnavailableError, match="there is no index at"):
            watching.look(opened)
    away.rename(own_index)
    watching.look(opened)


def test_a_failure_is_looked_at_again_before_its_time(
    own_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, watching = open_index(own_index), Watch()
    shutil.rmtree(own_index)
    with pytest.raises(IndexUnavailableError):
        watching.look(opened)
    monkeypatch.setattr(watch, "RECHECK_CHECKS", 1000)
    with pytest.raises(IndexUnavailableError):
        watching.look(opened)
