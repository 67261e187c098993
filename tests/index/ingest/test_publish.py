"""Publishing: which files a manifest pins, and which are deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from memguard.index.base import BuildSummary
from memguard.index.ingest.publish import publish, publish_blocked, replace_manifest, spare_name
from memguard.index.local import DirectoryIndex
from memguard.index.store.canary import CANARIES
from memguard.index.store.manifest import Manifest
from memguard.index.store.row_arrays import record_digests
from memguard.index.store.tables import Tables


@pytest.fixture
def index(built: tuple[Path, BuildSummary], tmp_path: Path) -> Path:
    return Path(shutil.copytree(built[0], tmp_path / "x"))


def files(index: Path) -> set[str]:
    return {
        str(path.relative_to(index))
        for folder in ("ann", "lists")
        for path in (index / folder).iterdir()
    }


def test_only_pinned_files_and_the_spare_manifest_stay(index: Path) -> None:
    old = Manifest.read(index)
    (index / "ann" / "left-over.faiss.tmp").touch()
    new = publish(index, old.descriptors, old)
    assert new == Manifest.read(index)
    assert new.revision == old.revision + 1
    assert files(index) == {file.path for file in new.files()} | {
        f"lists/{spare_name(new.revision)}"
    }
    assert (index / "lists" / spare_name(new.revision)).read_bytes() == (
        index / "manifest.json"
    ).read_bytes()


def test_unchanged_rows_keep_their_ann_indexes(index: Path) -> None:
    old = Manifest.read(index)
    new = publish(index, old.descriptors, old)
    assert new is not None
    assert new.ann == old.ann
    assert (new.rows, new.records, new.canaries) == (old.rows, old.records, old.canaries)


def test_without_an_old_manifest_everything_is_derived_again(index: Path) -> None:
    old = Manifest.read(index)
    new = publish(index, old.descriptors, None)
    assert new is not None
    assert (new.revision, new.generation) == (1, 0)
    shas = [[file.sha256 for file in ann.files] for ann in new.ann.values()]
    assert shas == [[file.sha256 for file in ann.files] for ann in old.ann.values()]


def test_an_index_of_canaries_alone_is_not_published(index: Path, tmp_path: Path) -> None:
    old = Manifest.read(index)
    assert publish(tmp_path, old.descriptors, None) is None
    assert {path.name for path in tmp_path.iterdir()} == {"x"}


def test_blocked_images_are_deleted_and_counted(index: Path) -> None:
    old = Manifest.read(index)
    digests = record_digests(Tables(index))
    rows = np.array([CANARIES, CANARIES + 4])
    new = publish_blocked(index, old, digests[rows], rows)
    assert (new.rows, new.records) == (old.rows, old.records - 2)
    assert new.ann == old.ann
    opened = DirectoryIndex.open(index)
    assert set(range(old.rows)) - set(opened.rows().tolist()) == {*old.canaries, *rows.tolist()}
    again = publish(index, old.descriptors, new)
    assert again is not None
    assert again.records == new.records
    assert again.lists["removed"].sha256 == new.lists["removed"].sha256


def test_a_replaced_manifest_deletes_what_it_does_not_pin(index: Path) -> None:
    manifest = Manifest.read(index)
    (index / "lists" / "removed-7.npy").touch()
    replace_manifest(index, manifest)
    assert "lists/removed-7.npy" not in files(index)
    assert Manifest.read(index) == manifest
