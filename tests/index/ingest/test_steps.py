"""Steps of a build: what is committed when, and what a failed commit leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from memguard.descriptors.phash import PHash
from memguard.index.ingest import steps
from memguard.index.ingest.checkpoint import Checkpoint, SourceProgress
from memguard.index.ingest.steps import Steps
from memguard.index.record import Record
from memguard.index.store.tables import FileEntry, Tables
from memguard.vision.picture import Picture

SPECS = [PHash(8).spec]


def record(number: int) -> Record:
    picture = Picture(Image.new("RGB", (16, 16), (number, 0, 0)))
    (vector,) = PHash(8).describe([PHash(8).prepare(picture)])
    return Record(
        id=f"{number:032x}",
        uri=f"{number}.png",
        width=16,
        height=16,
        thumbnail=b"x",
        features=None,
        vectors={"phash64": vector},
    )


def entry(number: int) -> FileEntry:
    return FileEntry(f"{number}.png", "1", f"{number:032x}", None)


def test_nothing_is_written_before_a_commit(tmp_path: Path) -> None:
    waiting = Steps(tmp_path, Checkpoint(SPECS), "a")
    waiting.add([record(1)], [entry(1)], SourceProgress("p", 1))
    waiting.commit_if_due()
    waiting.close()
    assert list(tmp_path.iterdir()) == []


def test_a_commit_writes_records_files_and_checkpoint(tmp_path: Path) -> None:
    other = {"b": SourceProgress("q", 7)}
    waiting = Steps(tmp_path, Checkpoint(SPECS, other), "a")
    waiting.add([record(1), record(2)], [entry(1), entry(2)], SourceProgress("p", 2))
    waiting.commit()
    waiting.add([record(3)], [entry(3)])
    waiting.commit()
    waiting.close()
    tables = Tables(tmp_path)
    assert list(tables.ids()) == [one.id for one in map(record, (1, 2, 3))]
    assert list(tables.files()) == [entry(1), entry(2), entry(3)]
    checkpoint = Checkpoint.read(tmp_path)
    assert checkpoint is not None
    assert checkpoint.sources == {**other, "a": SourceProgress("p", 2)}


def test_a_full_step_and_an_old_one_are_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "STEP_FILES", 2)
    waiting = Steps(tmp_path, Checkpoint(SPECS), "a")
    waiting.add([record(1)], [entry(1)])
    waiting.commit_if_due()
    waiting.add([record(2)], [entry(2)])
    waiting.commit_if_due()
    waiting.add([record(3)], [entry(3)])
    monkeypatch.setattr(steps, "STEP_SECONDS", 0.0)
    waiting.commit_if_due()
    waiting.close()
    assert len(list(Tables(tmp_path).files())) == 3
    versions = tmp_path / "files.lance" / "_versions"
    assert len(list(versions.glob("*.manifest"))) == 2


def test_a_commit_that_fails_is_raised_and_leaves_the_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "files.lance").write_text("in the way")
    waiting = Steps(tmp_path, Checkpoint(SPECS), "a")
    waiting.add([record(1)], [entry(1)], SourceProgress("p", 1))
    waiting.commit()
    with pytest.raises(OSError, match=r"files\.lance"):
        waiting.close()
    assert Checkpoint.read(tmp_path) is None
