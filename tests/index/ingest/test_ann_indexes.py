"""Which ANN indexes of a revision are written, extended or kept."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.writer import write_exact
from memguard.index.base import BuildSummary
from memguard.index.ingest.ann_indexes import with_known_recall, write_ann_indexes
from memguard.index.ingest.revision import Revision
from memguard.index.store.manifest import AnnFile, Manifest
from memguard.index.store.tables import Tables

NONE = np.empty(0, np.int64)


@pytest.fixture
def old(built: tuple[Path, BuildSummary], tmp_path: Path) -> tuple[Revision, Manifest]:
    index = Path(shutil.copytree(built[0], tmp_path / "x"))
    manifest = Manifest.read(index)
    return Revision(index, 9, Tables(index), manifest.descriptors), manifest


def test_whole_files_of_the_same_rows_are_kept(old: tuple[Revision, Manifest]) -> None:
    revision, manifest = old
    assert write_ann_indexes(revision, manifest, None, (), NONE) == manifest.ann


def test_a_damaged_file_is_written_again(old: tuple[Revision, Manifest]) -> None:
    revision, manifest = old
    damaged = revision.directory / manifest.ann["pixels"].path
    damaged.write_bytes(damaged.read_bytes()[:-1])
    ann = write_ann_indexes(revision, manifest, None, (), NONE)
    assert ann["pixels"].path == "ann/pixels-9.faiss"
    assert ann["pixels"].files[0].sha256 == manifest.ann["pixels"].files[0].sha256
    assert ann["vlad"] == manifest.ann["vlad"]


def test_further_rows_extend_the_files(old: tuple[Revision, Manifest]) -> None:
    """Files of the first 40 rows grow to those of a whole build."""
    revision, manifest = old
    before = dataclasses.replace(revision, number=8)
    shorter = {}
    for spec in revision.specs:
        index = before.ann_index(spec, manifest.ann[spec.name].choice)
        vectors = np.concatenate(list(revision.vectors(spec).blocks()))
        shorter[spec.name] = before.pin(write_exact(index, [vectors[:40]]))
    grown_from = dataclasses.replace(manifest, rows=40, ann=shorter)
    for name, file in write_ann_indexes(revision, grown_from, None, (), NONE).items():
        assert file.path == f"ann/{name}-9.faiss"
        assert file.choice == manifest.ann[name].choice
        assert [one.sha256 for one in file.files] == [
            one.sha256 for one in manifest.ann[name].files
        ]


def test_a_recall_that_was_measured_stays_with_its_kind() -> None:
    measured = AnnFile((), AnnChoice("IVF64,SQ8", 1, 4, 0, 0.99))
    unknown = AnnFile((), AnnChoice("IVF64,SQ8", 2, 8, 0, None))
    assert with_known_recall(unknown, measured).choice == AnnChoice("IVF64,SQ8", 2, 8, 0, 0.99)
    other = AnnFile((), AnnChoice("IVF128,SQ8", 2, 8, 0, None))
    assert with_known_recall(other, measured) == other
    assert with_known_recall(measured, unknown) == measured
    assert with_known_recall(unknown, None) == unknown
