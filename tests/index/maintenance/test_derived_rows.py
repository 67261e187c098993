"""Files that are whole, and were derived from other rows than the tables hold, are named."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest

from memguard.index.maintenance.derived_rows import files_of_other_rows
from memguard.index.store.manifest import Manifest
from memguard.index.store.row_arrays import CLUSTERS, EXACT_DUPLICATES, NEAR_DUPLICATES


def named(directory: Path) -> set[str]:
    return {file.path for file in files_of_other_rows(directory, Manifest.read(directory))}


def test_an_index_that_fits_its_tables(copied: Path) -> None:
    assert named(copied) == set()


def test_a_search_of_other_rows_and_the_clusters_found_with_it(copied: Path) -> None:
    manifest = Manifest.read(copied)
    (file,) = manifest.ann["phash256"].files
    path = str(copied / file.path)
    index = faiss.read_index_binary(path)
    codes = faiss.vector_to_array(index.xb).reshape(index.ntotal, -1)
    shifted = faiss.IndexBinaryFlat(index.d)
    shifted.add(np.roll(codes, 1, axis=0))
    faiss.write_index_binary(shifted, path)
    assert named(copied) == {file.path, manifest.lists[CLUSTERS].path}


@pytest.mark.parametrize("name", [EXACT_DUPLICATES, NEAR_DUPLICATES])
def test_an_array_of_other_rows(copied: Path, name: str) -> None:
    file = Manifest.read(copied).lists[name]
    counts = np.load(copied / file.path)
    counts[-1] += 1
    np.save(copied / file.path, counts)
    assert named(copied) == {file.path}
