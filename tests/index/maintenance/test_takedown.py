"""Takedown: gone from every search at once, refused later, gone from the files when compacted."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from fixtures.comparisons import contents, opened
from fixtures.picture_files import STRIP, write_cuts
from PIL import Image

from memguard import BuildError, ConfigurationError, Guard
from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.compaction import compact
from memguard.index.maintenance.takedown import find_ids, readmit, remove
from memguard.index.maintenance.verify import verify
from memguard.lifecycle import add_images, build_index

KILLING = Path(__file__).parents[2] / "fixtures" / "killed_processes.py"


@pytest.fixture
def copied(built: tuple[Path, BuildSummary], tmp_path: Path) -> Path:
    """A copy of the small index, to be changed."""
    return Path(shutil.copytree(built[0], tmp_path / "copy.memguard"))


def uri_of(built: tuple[Path, BuildSummary], number: int) -> Path:
    return built[0].parent / "images" / f"{number:04d}.jpg"


def files_with(directory: Path, data: bytes) -> list[Path]:
    """The files in which these bytes stand."""
    return [path for path in directory.rglob("*") if path.is_file() and data in path.read_bytes()]


def nearest(index: DirectoryIndex, number: int) -> dict[str, list[int]]:
    """What every descriptor finds nearest to a stored record."""
    (record,) = index._tables.take(index.specs, [number])
    return {
        name: index.search(name, row[None], 3)[1][0].tolist()
        for name, row in record.vectors.items()
    }


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


def test_compaction_takes_the_bytes_from_the_files(
    built: tuple[Path, BuildSummary], copied: Path
) -> None:
    index = DirectoryIndex.open(copied)
    gone, kept = index.take(index.rows()[[7, 8]].tolist())
    before = contents(index)
    del index
    assert files_with(copied, gone.thumbnail)
    assert files_with(copied, gone.features)
    remove(copied, [gone.id])
    done = compact(copied)
    assert (done.removed, done.records, done.still_read) == (1, 59, False)
    assert files_with(copied, gone.thumbnail) == []
    assert files_with(copied, gone.features) == []
    assert files_with(copied, gone.vectors["phash256"].tobytes()) == []
    assert files_with(copied, gone.uri.encode()) == []
    assert files_with(copied, kept.thumbnail)
    after = DirectoryIndex.open(copied)
    held = contents(after)
    for key in ("records", "rows", "copies"):
        assert held[key] == before[key][:7] + before[key][8:]
    position = int(after.rows()[7])
    assert all(found[0] == position for found in nearest(after, position).values())
    assert after.health().records == 59
    assert verify(copied).damaged == ()
    again = compact(copied)
    assert (again.removed, again.still_read) == (0, False)


def test_readers_keep_the_version_they_opened(
    built: tuple[Path, BuildSummary], copied: Path
) -> None:
    """Another process reads while the index is compacted."""
    code = f"""
        from memguard.index.open import open_index
        index = open_index({str(copied)!r})
        print("open", flush=True)
        input()
        records = index.take(index.rows().tolist())
        print(len(records), sum(len(one.thumbnail) for one in records), flush=True)
        input()
    """
    index = DirectoryIndex.open(copied)
    records = index.take(index.rows().tolist())
    del index
    remove(copied, [records[0].id])
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdin is not None
        assert reader.stdout.readline() == "open\n"
        assert compact(copied).still_read
        assert len(DirectoryIndex.open(copied)) == 59
        assert files_with(copied, records[0].thumbnail)
        reader.stdin.write("\n")
        reader.stdin.flush()
        expected = sum(len(one.thumbnail or b"") for one in records[1:])
        assert reader.stdout.readline() == f"59 {expected}\n"
        assert compact(copied).still_read
        reader.communicate("\n")
    assert not compact(copied).still_read
    assert files_with(copied, records[0].thumbnail) == []
    assert verify(copied).damaged == ()


def test_a_compaction_that_is_killed(photographs: dict[str, Image.Image], tmp_path: Path) -> None:
    """``kill -9`` at every step: the index answers, and the same command does the rest."""
    write_cuts(photographs, tmp_path / "images", 6, STRIP)
    build_index(tmp_path / "images", tmp_path / "base", weights={}, calibrate=False, workers=0)
    (one,) = find_ids(tmp_path / "base", str(tmp_path / "images" / "0002.jpg"))
    gone = DirectoryIndex.open(tmp_path / "base").find(one)
    assert gone is not None
    assert gone.thumbnail is not None
    remove(tmp_path / "base", [one])
    base = opened(tmp_path / "base")
    whole = shutil.copytree(tmp_path / "base", tmp_path / "whole")
    compact(whole)
    (tmp_path / "killed").mkdir()
    command = [sys.executable, KILLING, "--compact", tmp_path / "killed", tmp_path / "base"]
    subprocess.run(command, check=True, timeout=200)
    after = opened(whole)
    kinds = set()
    for killed in sorted((tmp_path / "killed").iterdir()):
        held = opened(killed)
        assert held in (base, after)
        compact(killed)
        assert opened(killed) == after
        assert files_with(killed, gone.thumbnail) == []
        assert verify(killed).damaged == ()
        kinds.add(held == base)
    assert kinds == {True, False}


def test_a_compacted_index_grows(
    built: tuple[Path, BuildSummary],
    copied: Path,
    photographs: dict[str, Image.Image],
    tmp_path: Path,
) -> None:
    ids = find_ids(copied, str(uri_of(built, 0))) + find_ids(copied, str(uri_of(built, 30)))
    remove(copied, ids)
    compact(copied)
    write_cuts(photographs, tmp_path / "more", 70)
    grown = add_images(tmp_path / "more", copied, calibrate=False, workers=0)
    assert (grown.added, grown.blocked, grown.duplicates, grown.records) == (10, 2, 58, 68)
    index = DirectoryIndex.open(copied)
    assert {one.exact_duplicates for one in index.take(index.rows().tolist())} == {1, 2}


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
