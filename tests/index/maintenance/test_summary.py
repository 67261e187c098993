"""An index in figures, as its files have them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memguard import IndexUnavailableError
from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.summary import summarize
from memguard.index.maintenance.takedown import remove


def test_figures(built: tuple[Path, BuildSummary]) -> None:
    about = summarize(built[0])
    assert (about.records, about.clusters, about.deleted, about.blocked) == (60, 60, 0, 0)
    assert [Path(uri).name for uri in about.unreadable] == ["broken.png"]
    files = [path for path in built[0].rglob("*") if path.is_file()]
    assert about.bytes == sum(path.stat().st_size for path in files)
    # 63 vectors of 64 bits: a table row of 8 bytes, and the FAISS file with its header
    faiss = next(built[0].glob("ann/phash64-*.faiss")).stat().st_size / 63
    assert about.bytes_per_image["phash64"] == pytest.approx(8 + faiss)
    assert json.loads(json.dumps(about.to_json()))["searches"]["phash64"]["kind"] == "BFlat"


def test_deleted_records_are_counted_apart(copied: Path) -> None:
    index = DirectoryIndex.open(copied)
    remove(copied, [one.id for one in index.take(index.rows()[:2].tolist())])
    about = summarize(copied)
    assert (about.records, about.clusters, about.deleted, about.blocked) == (58, 58, 2, 2)


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError, match="is no memguard index"):
        summarize(tmp_path)
