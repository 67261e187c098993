"""Records as rows of text, without a server."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import BuildError
from memguard.index.milvus.collections import TEXT_BYTES
from memguard.index.milvus.rows import (
    PARTS,
    document_of,
    document_rows,
    key_of,
    record_of,
    record_row,
    split,
)
from memguard.index.open import open_index
from memguard.index.store.thumbnails import EDGE_PX, encode


def same(left, right):
    rows = [dict(record.vectors) for record in (left, right)]
    assert rows[0].keys() == rows[1].keys()
    for name, row in rows[0].items():
        assert row.dtype == rows[1][name].dtype
        np.testing.assert_array_equal(row, rows[1][name])
    plain = [dataclasses.replace(record, vectors={}) for record in (left, right)]
    assert plain[0] == plain[1]


@pytest.fixture(scope="module")
def index(built):
    return open_index(built[0])


def test_a_record_comes_back_as_it_went(index):
    for record in index.take([0, 7, 59]):
        same(record_of(record_row(record, index.specs), index.specs), record)


def test_a_record_without_pixels_or_with_some_descriptors_only(index):
    (record,) = index.take([5])
    bare = dataclasses.replace(
        record, thumbnail=None, features=None, url="http://a/b", exact_duplicates=7
    )
    bare.vectors.pop("vlad")
    row = record_row(bare, index.specs)
    assert (row["pixels"], row["url"]) == ("", "http://a/b")
    same(record_of(row, index.specs), bare)


def test_captions_in_any_script_come_back(index):
    (record,) = index.take([0])
    odd = dataclasses.replace(
        record, caption='\u732b "quoted" \\ \U0001f431 \n', uri="/a/\u00e9.jpg"
    )
    same(record_of(record_row(odd, index.specs), index.specs), odd)


def test_the_largest_record_fits_and_what_does_not_is_refused(index):
    """Noise of two levels makes the largest thumbnail; all descriptors and features are there."""
    (record,) = index.take([0])
    noise = np.random.default_rng(0).integers(0, 2, (EDGE_PX, EDGE_PX, 3), dtype=np.uint8) * 255
    embeddings = [DescriptorSpec(name, "cosine", 1024, "", "") for name in ("clip", "sscd")]
    specs = [*index.specs, *embeddings]
    rows = {spec.name: np.zeros(1024, np.float32) for spec in embeddings}
    largest = dataclasses.replace(
        record,
        thumbnail=encode(Image.fromarray(noise)),
        features=bytes(10_800),
        caption="x" * 2000,
        vectors={**record.vectors, **rows},
    )
    row = record_row(largest, specs)
    assert all(len(row[part].encode()) <= TEXT_BYTES for part in PARTS)
    same(record_of(row, specs), largest)
    with pytest.raises(BuildError, match="too large for Milvus"):
        record_row(dataclasses.replace(largest, caption="x" * 100_000), specs)


def test_rows_differ_in_their_digest_where_the_record_does(index):
    (record,) = index.take([0])
    digest = record_row(record, index.specs)["digest"]
    assert record_row(record, index.specs)["digest"] == digest
    for change in ({"caption": "another"}, {"exact_duplicates": 2}, {"near_duplicates": 2}):
        other = dataclasses.replace(record, **change)
        assert record_row(other, index.specs)["digest"] != digest


def test_keys_are_positive_and_those_of_the_id():
    assert key_of("f" * 32) == 2**63 - 1
    assert key_of("0" * 32) == 0
    assert key_of("00000000000000020000000000000000") == 1


@pytest.mark.parametrize("size", [0, 1, 49_151, 49_152, 200_000])
def test_documents_of_any_size(size):
    data = np.random.default_rng(0).bytes(size)
    name, rows = document_rows(data)
    assert all(len(row["text"]) <= TEXT_BYTES for row in rows)
    assert document_of(name, rows) == data


def test_a_damaged_document_is_found_out():
    name, rows = document_rows(b"thresholds")
    with pytest.raises(ValueError, match="damaged"):
        document_of(name, [{**rows[0], "text": "AAAA"}])


def test_cutting_loses_nothing():
    text = "ab" * TEXT_BYTES
    assert "".join(split(text)) == text
    assert split("") == [""]
