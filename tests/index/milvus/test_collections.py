"""Collections of a real server: rows by key and by filter, and searches that see all of them."""

from __future__ import annotations

import numpy as np
import pytest

from memguard.descriptors.base import DescriptorSpec
from memguard.index.milvus import collections as module
from memguard.index.milvus.address import MilvusAddress
from memguard.index.milvus.collections import Collections
from memguard.index.milvus.push import PLACEHOLDER, ann
from memguard.index.milvus.rows import vector


@pytest.fixture
def texts(milvus):
    """An empty collection of texts."""
    collections = Collections(MilvusAddress.parse(milvus.uri("texts")))
    collections.create("texts", key=str, **PLACEHOLDER, texts=("text",))
    yield collections
    collections.drop("texts")


def row(key, text):
    return {"key": key, "vector": [0.0, 0.0], "text": text}


def test_rows_are_replaced_found_and_deleted(texts, monkeypatch):
    monkeypatch.setattr(module, "ROWS_PER_CALL", 2)
    keys = ["a", "b", "c", "d", "e"]
    texts.upsert("texts", [row(key, f"old {key}") for key in keys])
    texts.upsert("texts", [row("b", "new b")])
    assert texts.count("texts") == 5
    found = texts.get("texts", [*keys, "nothing"], ["text"], "Strong")
    assert {key: one["text"] for key, one in found.items()} == {
        **{key: f"old {key}" for key in keys},
        "b": "new b",
    }
    old = texts.where("texts", 'text like "old%"', ["text"])
    assert sorted(one["key"] for one in old) == ["a", "c", "d", "e"]
    texts.delete("texts", ["a", "b", "c"])
    assert texts.count("texts") == 2
    assert sorted(one["key"] for one in texts.where("texts", "", [])) == ["d", "e"]


def test_creating_twice_keeps_the_rows(texts):
    texts.upsert("texts", [row("a", "text")])
    texts.create("texts", key=str, **PLACEHOLDER, texts=("text",))
    assert texts.count("texts") == 1
    assert texts.exists("texts")
    assert not texts.exists("others")


def test_settled_rows_are_all_searched(milvus):
    """Before, Milvus looks at a part of them, and finds about half of these copies."""
    rng = np.random.default_rng(0)
    spec = DescriptorSpec("rows", "cosine", 256, "m", "p")
    collections = Collections(MilvusAddress.parse(milvus.uri("settled")))
    build, how = ann(spec, 8000)
    collections.create("rows", key=int, vector={"numbers": 256}, ann=build, texts=())
    rows = unit(rng.standard_normal((8000, 256)))
    copies = unit(0.5 * rows[:200] + 0.87 * unit(rng.standard_normal((200, 256))))
    for start in range(0, len(rows), 500):
        part = enumerate(rows[start : start + 500], start)
        collections.upsert("rows", [{"key": i, "vector": vector(spec, row)} for i, row in part])
    collections.settle("rows")
    found = collections.search("rows", [vector(spec, row) for row in copies], 5, how)
    recall = np.mean([i in [key for key, _ in near] for i, near in enumerate(found)])
    assert recall >= 0.99
    collections.drop("rows")


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
