"""The vectors in the tables, as ANN indexes are built from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memguard.index.base import BuildSummary
from memguard.index.ingest.stored_vectors import StoredVectors
from memguard.index.store.manifest import Manifest
from memguard.index.store.tables import Tables


@pytest.mark.parametrize("name", ["phash256", "pixels"])
def test_blocks_and_rows_are_those_of_the_matrix(
    built: tuple[Path, BuildSummary], name: str
) -> None:
    spec = next(one for one in Manifest.read(built[0]).descriptors if one.name == name)
    vectors = StoredVectors(Tables(built[0]), spec)
    matrix = np.concatenate(list(vectors.blocks()))
    assert matrix.shape == (len(vectors), spec.width)
    np.testing.assert_array_equal(np.concatenate(list(vectors.blocks(50))), matrix[50:])
    rows = np.array([40, 3, 3, 7])
    np.testing.assert_array_equal(vectors.fetch(rows), matrix[rows])
    assert list(vectors.blocks(len(vectors))) == []
