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
from memguard.index.open import open_writer
from memguard.index.store.exemptions import Change
from memguard.index.store.manifest import BUILDING, MANIFEST_NAME
from memguard.lifecycle import add_images, build_index
from memguard.sources import Folder


def full_disk(*_: object, **__: object) -> None:
    raise OSError("no space left on device")


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


@pytest.mark.parametrize(
    "step",
    [
        "memguard.index.maintenance.merge._merge_files",
        "memguard.index.maintenance.merge._merge_exemptions",
        "memguard.index.ingest.publish.replace_manifest",
        "pathlib.Path.unlink",
    ],
)
def test_a_merge_that_was_cut_off_goes_on(
    step: str, halves: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = DirectoryIndex.open(halves[0])
    (allowed,) = index.take(index.rows()[:1].tolist())
    open_writer(halves[0]).exempt(Change.now("allow", [allowed.id]))
    merge(halves, tmp_path / "whole")

    with monkeypatch.context() as full:
        full.setattr(step, full_disk)
        with pytest.raises(BuildError, match=r"no space left on device.*it resumes"):
            merge(halves, tmp_path / "c")
    if (tmp_path / "c" / MANIFEST_NAME).exists():
        assert DirectoryIndex.open(tmp_path / "c").exemptions().allowed
    merge(halves, tmp_path / "c")
    assert opened(tmp_path / "c") == opened(tmp_path / "whole")
    assert DirectoryIndex.open(tmp_path / "c").exemptions().allowed.keys() == {allowed.id}
    assert not (tmp_path / "c" / BUILDING).exists()
    with pytest.raises(BuildError, match="is there already"):
        merge(halves, tmp_path / "c")


def test_what_another_command_began_is_left_alone(
    halves: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index whose growth was cut off, and the output of another merge."""
    a, b = halves
    monkeypatch.setattr("memguard.index.ingest.publish.replace_manifest", full_disk)
    shutil.copytree(a, tmp_path / "grown")
    with pytest.raises(BuildError, match="stopped"):
        add_images(b.parent / "images", tmp_path / "grown", calibrate=False, workers=0)
    with pytest.raises(BuildError, match="stopped"):
        merge([a, b], tmp_path / "merged")
    for output, others in (("grown", [a, b]), ("merged", [b, a])):
        with pytest.raises(BuildError, match="is there already"):
            merge(others, tmp_path / output)


def test_other_descriptors(halves: tuple[Path, Path], tmp_path: Path) -> None:
    build(Folder(halves[0].parent / "images"), tmp_path / "hash", [PHash(8)], workers=0)
    with pytest.raises(BuildError, match="only indexes with the same ones"):
        merge([halves[0], tmp_path / "hash"], tmp_path / "c")
    assert not (tmp_path / "c").exists()
