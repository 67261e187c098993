"""An opened index: what it answers, what it refuses to open, and its fixed version."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from fixtures.comparisons import contents, opened
from fixtures.picture_files import mean_difference, write_cuts
from PIL import Image

from memguard.descriptors import load_descriptors
from memguard.descriptors.base import distances
from memguard.errors import IndexUnavailableError
from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.store.canary import CANARIES
from memguard.index.store.manifest import Manifest
from memguard.lifecycle import build_index
from memguard.vision.picture import Picture


@pytest.fixture
def copied(built: tuple[Path, BuildSummary], tmp_path: Path) -> Path:
    """A copy of the small index, to be damaged."""
    return Path(shutil.copytree(built[0], tmp_path / "copy.memguard"))


def faiss_file(index: Path, name: str) -> Path:
    return index / Manifest.read(index).ann[name].path


def test_what_it_holds(built: tuple[Path, BuildSummary]) -> None:
    path, summary = built
    index = DirectoryIndex.open(str(path))
    assert len(index) == summary.records == 60
    assert [spec.name for spec in index.specs] == ["phash64", "phash256", "pixels", "vlad"]
    assert repr(index).endswith("60 references; phash64, phash256, pixels, vlad)")
    assert list(index.unreadable().values()) == ["not an image in a format that Pillow reads"]


def test_search_finds_every_reference_and_equals_brute_force(
    built: tuple[Path, BuildSummary],
) -> None:
    index = DirectoryIndex.open(built[0])
    records = index.take(index.rows())
    for descriptor in load_descriptors(index.specs):
        spec = descriptor.spec
        stored = np.stack([one.vectors[spec.name] for one in records])
        images = [Image.open(one.uri).convert("RGB") for one in records]
        queries = descriptor.describe([descriptor.prepare(Picture(image)) for image in images])
        found, positions = index.search(spec.name, queries, 60)
        for number, query in enumerate(queries):
            oracle = distances(spec, query, stored)
            np.testing.assert_allclose(found[number], np.sort(oracle), atol=1e-3)
            np.testing.assert_allclose(
                oracle[positions[number] - CANARIES], found[number], atol=1e-3
            )
            assert oracle[number] == pytest.approx(0, abs=1e-3)


def test_thumbnails_show_the_references(built: tuple[Path, BuildSummary]) -> None:
    index = DirectoryIndex.open(built[0])
    for record in index.take(index.rows()[[0, 30, 59]]):
        with Image.open(record.uri) as original:
            assert mean_difference(record.image(), original) == 0
        assert record.exact_duplicates == 1


def test_find_by_content(built: tuple[Path, BuildSummary]) -> None:
    index = DirectoryIndex.open(built[0])
    (record,) = index.take(index.rows()[[7]])
    found = index.find(record.id)
    assert found is not None
    assert (found.uri, found.caption) == (record.uri, "a tile of an astronaut")
    assert index.find("0" * 32) is None


def test_a_missing_file(copied: Path) -> None:
    faiss_file(copied, "pixels").unlink()
    with pytest.raises(IndexUnavailableError, match=r"pixels file .*missing.*build the index"):
        DirectoryIndex.open(copied)


@pytest.mark.parametrize("name", ["phash64", "phash256", "pixels", "vlad"])
@pytest.mark.parametrize("size", [0, 10, -1])
def test_a_truncated_file(copied: Path, name: str, size: int) -> None:
    path = faiss_file(copied, name)
    os.truncate(path, size if size >= 0 else path.stat().st_size - 1)
    with pytest.raises(IndexUnavailableError, match=r"should have \d+ bytes .*build the index"):
        DirectoryIndex.open(copied)


@pytest.mark.parametrize("name", ["phash64", "phash256", "pixels", "vlad"])
def test_garbage_of_the_right_size(copied: Path, name: str) -> None:
    path = faiss_file(copied, name)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(IndexUnavailableError, match=rf"{name} file .*damaged.*build the index"):
        DirectoryIndex.open(copied)


@pytest.mark.parametrize("name", ["phash64", "phash256", "pixels", "vlad"])
def test_the_file_of_another_index_of_the_same_size(
    copied: Path,
    name: str,
    photographs: dict[str, Image.Image],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for path in write_cuts(photographs, tmp_path / "other", 120)[:60]:
        path.unlink()
    build_index(
        tmp_path / "other", tmp_path / "other.memguard", weights={}, calibrate=False, workers=0
    )
    other, own = faiss_file(tmp_path / "other.memguard", name), faiss_file(copied, name)
    assert other.stat().st_size == own.stat().st_size
    shutil.copy(other, own)
    with pytest.raises(IndexUnavailableError, match=rf"{name} file .*other bytes.*verify"):
        DirectoryIndex.open(copied)
    monkeypatch.setattr("memguard.index.local.changed_files", lambda directory, files: [])
    with pytest.raises(IndexUnavailableError, match=rf"{name} file .*other rows.*verify"):
        DirectoryIndex.open(copied)


@pytest.mark.parametrize("table", ["records.lance", "files.lance"])
def test_missing_tables(copied: Path, table: str) -> None:
    shutil.rmtree(copied / table)
    with pytest.raises(IndexUnavailableError, match=r"tables .* damaged .*build the index again"):
        DirectoryIndex.open(copied)


def test_tables_whose_data_is_gone(copied: Path) -> None:
    for path in (copied / "records.lance" / "data").iterdir():
        path.unlink()
    with pytest.raises(IndexUnavailableError, match=r"tables .* damaged .*build the index again"):
        DirectoryIndex.open(copied)


def test_a_moved_index_opens(built: tuple[Path, BuildSummary], copied: Path) -> None:
    assert opened(copied) == opened(built[0])


def test_a_reader_keeps_its_version_while_the_index_grows(
    folder: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    output = tmp_path / "index"
    build_index(folder, output, weights={}, calibrate=False, workers=0)
    reader = DirectoryIndex.open(output)
    before = contents(reader)
    query = reader.take(reader.rows()[[5]])[0].vectors["phash256"][None]
    answer = reader.search("phash256", query, 24)
    write_cuts(photographs, folder / "more", 40)
    build_index(folder, output, weights={}, calibrate=False, workers=0)
    assert len(DirectoryIndex.open(output)) == 40
    assert len(reader) == 24
    again = reader.search("phash256", query, 24)
    np.testing.assert_array_equal(again[0], answer[0])
    np.testing.assert_array_equal(again[1], answer[1])
    assert contents(reader) == before
    assert before["copies"] == [1] * 24


def test_opening_while_a_growing_build_ends(
    folder: Path,
    photographs: dict[str, Image.Image],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The build ends, and removes the old FAISS files, just after the manifest was read."""
    output = tmp_path / "index"
    build_index(folder, output, weights={}, calibrate=False, workers=0)
    write_cuts(photographs, folder / "more", 40)
    old = Manifest.read(output)
    build_index(folder, output, weights={}, calibrate=False, workers=0)
    with pytest.raises(IndexUnavailableError, match="missing"):
        DirectoryIndex(output, old)
    read = [old, Manifest.read(output)]
    monkeypatch.setattr(Manifest, "read", lambda directory: read.pop(0))
    assert len(DirectoryIndex.open(output)) == 40
