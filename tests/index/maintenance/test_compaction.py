"""Compaction: deleted records leave the files, and readers keep theirs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from fixtures.comparisons import contents, opened
from fixtures.index_files import files_with, nearest, uri_of
from fixtures.picture_files import STRIP, write_cuts
from lance.dataset import DatasetOptimizer
from PIL import Image

from memguard import BuildError
from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance import compaction
from memguard.index.maintenance.compaction import compact
from memguard.index.maintenance.takedown import find_ids, readmit, remove
from memguard.index.maintenance.verify import verify
from memguard.lifecycle import add_images, build_index

STEPS: dict[str, tuple[Any, str, int]] = {
    "between the tables": (compaction, "_delete_records", 1),
    "before the records are written again": (DatasetOptimizer, "compact_files", 1),
    "before the manifest": (compaction, "publish", 0),
}
"""Where a compaction is cut off: a call that it makes there, and how many of them succeed."""

KILLING = Path(__file__).parents[2] / "fixtures" / "killed_processes.py"


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


def test_a_reader_that_reloads_after_each_compaction_keeps_no_old_files(
    built: tuple[Path, BuildSummary], copied: Path
) -> None:
    """As in a service: at each compaction somebody reads the newest generation."""
    index = DirectoryIndex.open(copied)
    first, second, third = index.take(index.rows()[[7, 8, 9]].tolist())
    for gone in (first, second, third):
        remove(copied, [gone.id])
        compact(copied)
        index = DirectoryIndex.open(copied)
    assert files_with(copied, first.thumbnail) == []
    assert files_with(copied, second.thumbnail) == []
    assert files_with(copied, third.thumbnail), "the next compaction deletes its file"
    assert index.health().records == 57
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


def cut_off(index: Path, step: str) -> None:
    """Compact the index on a disk that is full from this step on."""
    owner, name, left = STEPS[step]
    call = getattr(owner, name)

    def failing(*given: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError("no space left on device")
        return call(*given, **options)

    with pytest.MonkeyPatch.context() as full:
        full.setattr(owner, name, failing)
        with pytest.raises(BuildError, match="no space left on device"):
            compact(index)


@pytest.mark.parametrize("step", STEPS)
def test_an_index_grows_after_a_compaction_that_was_cut_off(
    step: str,
    built: tuple[Path, BuildSummary],
    copied: Path,
    photographs: dict[str, Image.Image],
    tmp_path: Path,
) -> None:
    index = DirectoryIndex.open(copied)
    gone = index.take(index.rows()[[7, 8, 30]].tolist())
    del index
    remove(copied, [one.id for one in gone])
    whole = shutil.copytree(copied, tmp_path / "whole")
    write_cuts(photographs, tmp_path / "more", 65)
    compact(whole)
    add_images(tmp_path / "more", whole, calibrate=False, workers=0)
    cut_off(copied, step)
    grown = add_images(tmp_path / "more", copied, calibrate=False, workers=0)
    assert (grown.added, grown.records) == (5, 62)
    if step == "between the tables":  # the records are still there, and no search finds them
        assert opened(copied)["records"] == opened(whole)["records"]
    else:
        assert opened(copied) == opened(whole)
    assert verify(copied).damaged == ()
    compact(copied)
    assert opened(copied) == opened(whole)
    assert not any(files_with(copied, one.thumbnail or b"") for one in gone)
    assert verify(copied).damaged == ()


def test_mending_after_a_compaction_that_was_cut_off(
    built: tuple[Path, BuildSummary], copied: Path, tmp_path: Path
) -> None:
    remove(copied, find_ids(copied, str(uri_of(built, 30))))
    whole = shutil.copytree(copied, tmp_path / "whole")
    compact(whole)
    cut_off(copied, "before the manifest")
    (damaged,) = (copied / "lists").glob("duplicates-*.npy")
    damaged.write_bytes(bytes(damaged.stat().st_size))
    assert verify(copied, mend=True).damaged == ()
    assert opened(copied) == opened(whole)


def test_readmitting_after_a_compaction_that_was_cut_off(
    built: tuple[Path, BuildSummary], copied: Path
) -> None:
    """The record is on its way out: it is not found again until its file is added again."""
    (one,) = find_ids(copied, str(uri_of(built, 30)))
    remove(copied, [one])
    cut_off(copied, "before the manifest")
    assert readmit(copied, [one]).records == 59
    again = add_images(built[0].parent / "images", copied, calibrate=False, workers=0)
    assert (again.added, again.records) == (1, 60)
    assert DirectoryIndex.open(copied).find(one) is not None
