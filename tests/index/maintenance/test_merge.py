"""Merging: as if the second index's images had been added to the first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fixtures.comparisons import opened
from fixtures.picture_files import write_cuts
from PIL import Image

from memguard import BuildError
from memguard.descriptors.phash import PHash
from memguard.index.ingest.builder import build
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.merge import merge
from memguard.index.maintenance.takedown import remove
from memguard.index.maintenance.verify import verify
from memguard.lifecycle import add_images, build_index
from memguard.sources import Folder


@pytest.fixture
def halves(photographs: dict[str, Image.Image], tmp_path: Path) -> tuple[Path, Path]:
    """Two indexes of eight and seven images, of which three are in both."""
    paths = write_cuts(photographs, tmp_path / "all", 12)
    for name, part in (("a", paths[:8]), ("b", paths[5:])):
        (tmp_path / name / "images").mkdir(parents=True)
        for path in part:
            shutil.copy(path, tmp_path / name / "images")
        (tmp_path / name / "images" / "broken.jpg").write_bytes(b"x")
        build_index(
            tmp_path / name / "images",
            tmp_path / name / "x",
            weights={},
            calibrate=False,
            workers=0,
        )
    return tmp_path / "a" / "x", tmp_path / "b" / "x"


def test_two_indexes(halves: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = halves
    merged = merge([a, b], tmp_path / "c")
    assert (merged.records, merged.unreadable) == (12, 2)
    added = shutil.copytree(a, tmp_path / "added")
    add_images(b.parent / "images", added, calibrate=False, workers=0)
    assert opened(tmp_path / "c") == opened(added)
    assert sorted(one for one in opened(tmp_path / "c")["copies"]) == [1] * 9 + [2] * 3
    assert verify(tmp_path / "c").damaged == ()
    assert not (tmp_path / "c" / "building.json").exists()


def test_what_one_refuses_is_left_out(halves: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = halves
    first = DirectoryIndex.open(b)
    shared, own = (one.id for one in first.take(first.rows()[[0, 6]].tolist()))
    remove(b, [shared, own])
    merged = merge([a, b], tmp_path / "c")
    assert merged.records == 10
    held = DirectoryIndex.open(tmp_path / "c")
    assert held.find(shared) is held.find(own) is None
    again = add_images(b.parent / "images", tmp_path / "c", calibrate=False, workers=0)
    assert (again.added, again.records) == (0, 10)


def test_a_merge_that_was_cut_off_goes_on(
    halves: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge(halves, tmp_path / "whole")

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as full:
        full.setattr("memguard.index.maintenance.merge._merge_files", fail)
        with pytest.raises(BuildError, match=r"no space left on device.*it resumes"):
            merge(halves, tmp_path / "c")
    merge(halves, tmp_path / "c")
    assert opened(tmp_path / "c") == opened(tmp_path / "whole")
    with pytest.raises(BuildError, match="is there already"):
        merge(halves, tmp_path / "c")


def test_other_descriptors(halves: tuple[Path, Path], tmp_path: Path) -> None:
    build(Folder(halves[0].parent / "images"), tmp_path / "hash", [PHash(8)], workers=0)
    with pytest.raises(BuildError, match="only indexes with the same ones"):
        merge([halves[0], tmp_path / "hash"], tmp_path / "c")
    assert not (tmp_path / "c").exists()
