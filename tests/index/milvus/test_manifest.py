"""The manifest in Milvus: JSON in and out, with its documents; a damaged one is not opened."""

from __future__ import annotations

import dataclasses
import json

import pytest

from memguard.descriptors import weightless_descriptors
from memguard.errors import IndexUnavailableError
from memguard.index.milvus.address import MilvusAddress
from memguard.index.milvus.collections import Collections
from memguard.index.milvus.manifest import DOCUMENTS, KEY, MilvusManifest
from memguard.index.milvus.push import PLACEHOLDER

MANIFEST = MilvusManifest(
    tuple(one.spec for one in weightless_descriptors()),
    complete=True,
    documents={},
    search={"vlad": {"ef": 256}},
)


@pytest.fixture(scope="module")
def collections(milvus):
    """Documents of an index, from which each test takes or writes its own manifest."""
    found = Collections(MilvusAddress.parse(milvus.uri("manifests")))
    found.create(DOCUMENTS, key=str, **PLACEHOLDER, texts=("text",))
    yield found
    found.drop(DOCUMENTS)


def test_round_trip(collections):
    collections.delete(DOCUMENTS, [KEY])
    assert MilvusManifest.find(collections) is None
    MANIFEST.write(collections)
    assert MilvusManifest.find(collections) == MANIFEST


def test_documents(collections):
    data = bytes(range(256)) * 1000  # six rows of base64
    manifest = MANIFEST.with_documents(collections, {"a.json": data, "b.json": b""})
    manifest.write(collections)
    found = MilvusManifest.find(collections)
    assert found == manifest
    assert found.read_document(collections, "a.json") == data
    assert found.read_document(collections, "b.json") == b""
    assert found.read_document(collections, "c.json") is None
    fewer = found.with_documents(collections, {"a.json": None})
    assert fewer.read_document(collections, "a.json") is None
    before = collections.count(DOCUMENTS)
    fewer.delete_other_documents(collections)
    assert before - collections.count(DOCUMENTS) == 6
    with pytest.raises(IndexUnavailableError, match=r"a\.json of .* is damaged; push"):
        found.read_document(collections, "a.json")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: json.dumps(data)[:100],
        lambda data: "[]",
        lambda data: json.dumps({**data, "descriptors": [{"name": "phash64"}]}),
        lambda data: json.dumps({**data, "documents": {"a": 3}}),
        lambda data: json.dumps({**data, "search": []}),
        lambda data: json.dumps({**data, "partitions": 4}),
        lambda data: json.dumps(
            {**data, "descriptors": [{**data["descriptors"][0], "device": "cpu"}]}
        ),
    ],
)
def test_damage(collections, damage):
    text = damage(dataclasses.asdict(MANIFEST))
    collections.upsert(DOCUMENTS, [{"key": KEY, "vector": [0.0, 0.0], "text": text}])
    with pytest.raises(IndexUnavailableError, match=r"manifest of .* is damaged .*push the index"):
        MilvusManifest.find(collections)
