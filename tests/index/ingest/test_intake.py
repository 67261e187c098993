"""The intake: each file is counted once, under what became of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from memguard.descriptors.phash import PHash
from memguard.index.ingest.builder import build
from memguard.index.ingest.checkpoint import Checkpoint
from memguard.index.ingest.intake import Intake
from memguard.index.ingest.reader import read
from memguard.index.maintenance.takedown import remove
from memguard.index.store.canary import CANARIES
from memguard.index.store.manifest import Manifest
from memguard.index.store.tables import Tables
from memguard.sources import Folder

DESCRIPTORS = [PHash(8)]
PREPARE = {"phash64": PHash(8).prepare}


@pytest.fixture
def images(folder: Path) -> Path:
    """24 images, one of them twice, and a broken one."""
    shutil.copy(folder / "0000.jpg", folder / "zzzz.jpg")
    (folder / "0005.bmp").write_bytes(b"no image")
    return folder


def taken_in(index: Path, images: Path, old: Manifest | None = None) -> Intake:
    checkpoint = Checkpoint.read(index) or Checkpoint([PHash(8).spec])
    with Intake(index, Folder(images), DESCRIPTORS, checkpoint, old) as intake:
        for item in intake.unseen():
            intake.add(read([item], PREPARE))
    return intake


def counts(intake: Intake) -> tuple[int, int, int, int, int]:
    return intake.added, intake.duplicates, intake.blocked, intake.unreadable, intake.skipped


def test_files_are_counted_and_committed(images: Path, tmp_path: Path) -> None:
    intake = taken_in(tmp_path, images)
    assert counts(intake) == (24, 1, 0, 1, 0)
    assert intake.done == 26
    tables = Tables(tmp_path)
    assert len(tables) == 24 + CANARIES
    assert len(list(tables.files())) == 26
    again = taken_in(tmp_path, images)
    assert (again.added, again.skipped, again.done) == (0, 26, 26)
    assert len(Tables(tmp_path)) == 24 + CANARIES


def test_blocked_images_are_not_taken_in(images: Path, tmp_path: Path) -> None:
    index = tmp_path / "x"
    build(Folder(images), index, DESCRIPTORS, workers=0)
    (first,) = (one for one in Tables(index).files() if one.uri.endswith("zzzz.jpg"))
    assert first.id is not None
    remove(index, [first.id])
    moved = images.rename(tmp_path / "moved")
    intake = taken_in(index, moved, Manifest.read(index))
    assert counts(intake) == (0, 23, 2, 1, 0)


def test_a_failure_leaves_what_was_not_committed_undone(images: Path, tmp_path: Path) -> None:
    def stop() -> None:
        checkpoint = Checkpoint([PHash(8).spec])
        with Intake(tmp_path, Folder(images), DESCRIPTORS, checkpoint, None) as intake:
            intake.add(read([next(intake.unseen())], PREPARE))
            raise RuntimeError("stopped here")

    with pytest.raises(RuntimeError, match="stopped here"):
        stop()
    assert Checkpoint.read(tmp_path) is None
    assert len(Tables(tmp_path)) == 0
