"""Takedown: deleted from every search at once, and blocked until it is readmitted."""

from __future__ import annotations

import io
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from fixtures.comparisons import contents
from fixtures.index_files import nearest, uri_of
from PIL import Image

from memguard import BuildError, ConfigurationError, Guard
from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.compaction import compact
from memguard.index.maintenance.takedown import find_ids, readmit, remove
from memguard.index.maintenance.verify import verify
from memguard.lifecycle import add_images, build_index


def test_gone_from_every_search(built: tuple[Path, BuildSummary], copied: Path) -> None:
    reader = DirectoryIndex.open(copied)
    position = int(reader.rows()[7])
    (record,) = reader.take([position])
    assert all(found[0] == position for found in nearest(reader, position).values())

    removal = remove(copied, [record.id])
    assert (removal.removed, removal.records) == ((record.id,), 59)
    assert remove(copied, [record.id]).removed == ()
    index = DirectoryIndex.open(copied)
    assert len(index) == 59
    assert position not in index.rows()
    assert not any(position in found for found in nearest(index, position).values())
    assert index.find(record.id) is None
    assert index.find_uris([record.uri]) == {}
    assert position not in index.sample(100, np.random.default_rng(0))
    assert verify(copied).damaged == ()

    assert len(reader) == 60
    assert reader.find(record.id) is not None
    assert reader.health().outdated


def test_by_file_and_by_published_address(built: tuple[Path, BuildSummary], copied: Path) -> None:
    (one,) = find_ids(copied, str(uri_of(built, 3)))
    found = DirectoryIndex.open(copied).find(one)
    assert found is not None
    assert Path(found.uri).name == "0003.jpg"
    assert find_ids(copied, "memguard:canary/0") == []
    assert find_ids(copied, "/nowhere.jpg") == []


@pytest.mark.parametrize("wrong", ["0" * 32, "no hexadecimal", ""])
def test_what_is_not_there_cannot_be_removed(copied: Path, wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"holds no image with the id|32 hexadecimal"):
        remove(copied, [wrong])
    assert len(DirectoryIndex.open(copied)) == 60


def test_refused_until_it_is_allowed_again(
    built: tuple[Path, BuildSummary], copied: Path, tmp_path: Path
) -> None:
    (one,) = find_ids(copied, str(uri_of(built, 3)))
    remove(copied, [one])
    compact(copied)
    (tmp_path / "again").mkdir()
    shutil.copy(uri_of(built, 3), tmp_path / "again" / "renamed.jpg")
    for _ in range(2):
        refused = add_images(tmp_path / "again", copied, calibrate=False, workers=0)
        assert (refused.blocked, refused.added, refused.records) == (1, 0, 59)
        assert str(tmp_path / "again" / "renamed.jpg") not in refused.unreadable
    readmit(copied, [one])
    again = add_images(tmp_path / "again", copied, calibrate=False, workers=0)
    assert (again.blocked, again.added, again.records) == (0, 1, 60)


def test_undone_before_it_is_compacted(built: tuple[Path, BuildSummary], copied: Path) -> None:
    before = contents(DirectoryIndex.open(copied))
    ids = [one[0] for one in before["records"][10:20]]
    remove(copied, ids)
    assert readmit(copied, ids).records == 60
    assert contents(DirectoryIndex.open(copied)) == before


def test_everything_taken_down(folder: Path, tmp_path: Path) -> None:
    build_index(folder, tmp_path / "x", weights={}, calibrate=False, workers=0)
    index = DirectoryIndex.open(tmp_path / "x")
    remove(tmp_path / "x", [one.id for one in index.take(index.rows().tolist())])
    empty = DirectoryIndex.open(tmp_path / "x")
    assert len(empty) == 0
    (verdict,) = Guard(empty).check(Image.open(folder / "0000.jpg"))
    assert verdict.label == "clear"
    with pytest.raises(BuildError, match="nothing would be left"):
        compact(tmp_path / "x")


def test_a_guard_reloads_without_a_pause(gallery: Path, cat: Image.Image, tmp_path: Path) -> None:
    """Threads check all the time while the cat is taken down and the guard reloads."""
    index = Path(shutil.copytree(gallery, tmp_path / "gallery.memguard"))
    guard = Guard(index, on_error="raise")
    stream = io.BytesIO()
    cat.save(stream, "JPEG", quality=80)
    copy = Image.open(stream)
    (before,) = guard.check(copy)
    assert before.label == "memorized"
    labels: list[list[str]] = [[], []]
    reloaded = threading.Event()

    def check(seen: list[str]) -> None:
        while not reloaded.is_set():
            seen += [verdict.label for verdict in guard.check(copy.copy())]

    threads = [threading.Thread(target=check, args=(seen,)) for seen in labels]
    for thread in threads:
        thread.start()
    remove(index, [before.matches[0].id])
    while not all(labels):
        pass
    fresh = guard.reload()
    reloaded.set()
    for thread in threads:
        thread.join()
    assert guard.index is fresh
    assert len(fresh) == 3
    assert guard.check(copy)[0].label == "clear"
    assert guard.health().records == 3
    for seen in labels:
        assert seen == sorted(seen, key=["memorized", "clear"].index)


def test_a_guard_keeps_its_index_when_there_is_no_newer_one(gallery: Path, tmp_path: Path) -> None:
    index = Path(shutil.copytree(gallery, tmp_path / "gallery.memguard"))
    guard = Guard(index)
    before = guard.index
    (index / "manifest.json").write_text("{}")
    with pytest.raises(Exception, match="format None"):
        guard.reload()
    assert guard.index is before
