"""An index in Milvus answers as the directory does that it was pushed from."""

from __future__ import annotations

import dataclasses
import socket
import time

import numpy as np
import pytest
from fixtures.milvus_server import forwarded
from PIL import Image

from memguard import CheckFailedError, Guard, IndexUnavailableError, guard
from memguard.calibration.result import Calibration
from memguard.index.local import DirectoryIndex
from memguard.index.milvus import collections as milvus_collections
from memguard.index.milvus.collections import Collections
from memguard.index.milvus.manifest import MilvusManifest
from memguard.index.milvus.push import push
from memguard.index.milvus.rows import key_of
from memguard.index.open import open_index
from memguard.index.store.canary import canary_ids
from memguard.vision.transforms import dead_leaves, simulated_copies

TOLERANCE = 1e-4
"""Of distances: both compute in 32 bits, in another order."""


MOST_ATTEMPTS = 40
"""Until a connection is used again: its library waits longer after each failure."""


@pytest.fixture(scope="module")
def pushed(calibrated, milvus):
    """The gallery's index, calibrated and pushed; only to be read."""
    summary = push(calibrated.path, milvus.uri("gallery"))
    assert (summary.records, summary.written, summary.removed) == (4, 7, 0)
    return milvus.uri("gallery")


@pytest.fixture(scope="module")
def queries(cat, photographs):
    """Copies of a reference, and pictures that copy nothing."""
    rng = np.random.default_rng(0)
    copies = simulated_copies([photographs["coffee.png"]]).values()
    novel = [photographs["rocket.jpg"], dead_leaves((80, 80), rng, leaves=150)]
    return [*(transform(cat, rng) for transform in copies), *novel, Image.new("RGB", (64, 64))]


def test_verdicts_are_those_of_the_directory(pushed, calibrated, queries):
    there, here = Guard(pushed).check(queries), Guard(calibrated.path).check(queries)
    assert {verdict.label for verdict in here} >= {"memorized", "clear", "uninformative"}
    for ours, theirs in zip(here, there, strict=True):
        assert theirs.label == ours.label
        assert theirs.score == pytest.approx(ours.score, abs=TOLERANCE)
        assert [(s.name, s.similar, s.memorized) for s in theirs.signals] == [
            (s.name, s.similar, s.memorized) for s in ours.signals
        ]
        assert [s.distance for s in theirs.signals] == pytest.approx(
            [s.distance for s in ours.signals], abs=TOLERANCE
        )
        if ours.label in ("similar", "memorized"):
            assert theirs.matches[0].id == ours.matches[0].id
            assert theirs.matches[0].exact_duplicates == ours.matches[0].exact_duplicates
            assert theirs.matches[0].caption == ours.matches[0].caption
            assert theirs.why == ours.why


def test_neighbours_are_those_of_faiss(pushed, calibrated):
    there, here = open_index(pushed), DirectoryIndex.open(calibrated.path)
    assert there.specs == here.specs
    assert len(there) == len(here) == 4
    rng = np.random.default_rng(1)
    for spec in here.specs:
        rows = np.stack([record.vectors[spec.name] for record in here.take(here.rows())])
        noise = rng.normal(0, 0.01, rows.shape).astype(np.float32)
        asked = rows ^ 1 if spec.metric == "hamming" else rows + noise
        (ours, at), (theirs, keys) = (index.search(spec.name, asked, 3) for index in (here, there))
        np.testing.assert_allclose(theirs, ours, atol=TOLERANCE)
        ids = [[record.id for record in here.take(row.tolist())] for row in at]
        assert [[record.id for record in there.take(row.tolist())] for row in keys] == ids


def test_fewer_references_than_asked_for_and_never_a_canary(pushed):
    index = open_index(pushed)
    distances, keys = index.search("vlad", np.eye(2, 2048, dtype=np.float32), 9)
    assert distances.shape == keys.shape == (2, 9)
    assert (keys >= 0).sum() == 8
    assert np.isinf(distances[keys < 0]).all()
    assert (np.diff(distances[:, :4]) >= 0).all()
    assert not {record.id for record in index.take(keys[0, :4].tolist())} & {*canary_ids()}


def test_what_is_left_out_does_not_come_out(pushed):
    index = open_index(pushed)
    (record,) = index.take(index.sample(1, np.random.default_rng(0)))
    asked = record.vectors["phash256"][None]
    first = index.search("phash256", asked, 4)[1][0, 0]
    left = index.excluding([record.id])
    assert first not in left.search("phash256", asked, 4)[1]
    assert index.search("phash256", asked, 4)[1][0, 0] == first


def test_records(pushed, calibrated):
    there, here = open_index(pushed), DirectoryIndex.open(calibrated.path)
    for record in here.take(here.rows()):
        for found in (there.find(record.id), there.find_uris([record.uri])[record.uri]):
            assert found is not None
            assert dataclasses.replace(found, vectors={}) == dataclasses.replace(record, vectors={})
            for name, row in record.vectors.items():
                np.testing.assert_array_equal(found.vectors[name], row)
    assert there.find("0" * 32) is None
    assert there.find_uris(['"] or key >= 0 or uri in ["', "\\", "/a/\u00e9.png"]) == {}
    assert there.find(canary_ids()[0]) is None


def test_samples_are_the_references(pushed):
    index = open_index(pushed)
    keys = index.sample(3, np.random.default_rng(0))
    assert len({*keys}) == 3
    assert keys == index.sample(3, np.random.default_rng(0))
    assert {*index.sample(9, np.random.default_rng(1))} >= {*keys}
    assert len(index.sample(9, np.random.default_rng(1))) == 4


def test_a_record_that_was_removed_meanwhile_is_evidence_of_nothing(pushed):
    index = open_index(pushed)
    (key,) = index.sample(1, np.random.default_rng(0))
    gone, there = index.take([5, key])
    assert gone.blank
    assert not gone.has_pixels
    assert there.id


def test_the_calibration_and_the_background_travel(pushed, calibrated):
    there, here = open_index(pushed), open_index(calibrated.path)
    assert Calibration.of(there) == calibrated.calibration
    np.testing.assert_array_equal(there.background("vlad"), here.background("vlad"))
    assert there.read_document("nothing.json") is None


def test_no_index_at_that_prefix(milvus):
    with pytest.raises(IndexUnavailableError, match=r"no index at .* `memguard push"):
        open_index(milvus.uri("nothing"))


def test_an_index_whose_canary_is_gone_refuses_to_serve(pushed):
    index = open_index(pushed)
    keys = [*map(key_of, canary_ids())]
    rows = index.collections.get("phash64", keys, ["vector"])
    try:
        index.collections.delete("phash64", keys)
        index.collections.count("phash64")
        for refused in (index.health, lambda: open_index(pushed)):
            with pytest.raises(IndexUnavailableError, match=r"phash64 .* does not find its canary"):
                refused()
    finally:
        back = [{"key": key, "vector": row["vector"][0]} for key, row in rows.items()]
        index.collections.upsert("phash64", back)
        index.collections.count("phash64")
    assert index.health().records == 4


def test_an_unfinished_or_newer_push_is_refused(pushed, milvus):
    collections = Collections(open_index(pushed).collections.address)
    manifest = MilvusManifest.find(collections)
    assert manifest is not None
    try:
        dataclasses.replace(manifest, complete=False).write(collections)
        with pytest.raises(IndexUnavailableError, match="unfinished push; run the same"):
            open_index(pushed)
        dataclasses.replace(manifest, format=99).write(collections)
        with pytest.raises(IndexUnavailableError, match="format 99"):
            open_index(pushed)
    finally:
        manifest.write(collections)
    assert len(open_index(pushed)) == 4


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(milvus_collections, "TIMEOUT_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
def test_no_server_there():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(IndexUnavailableError, match="does not answer"):
        open_index(f"milvus://127.0.0.1:{port}/art")


def pipeline(image):
    return lambda: [image]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("failure", ["lost", "hung"])
def test_a_failing_server_follows_on_error(failure, pushed, milvus, photographs):
    novel = photographs["rocket.jpg"]
    with forwarded(milvus.port) as way:
        uri = pushed.replace(str(milvus.port), str(way.port))
        guards = {
            on_error: guard(pipeline(novel), index=uri, on_error=on_error)
            for on_error in ("block", "pass", "raise")
        }
        assert guards["block"]()[0] is novel
        with way.cut() if failure == "lost" else milvus.hung():
            withheld = guards["block"]()[0]
            assert withheld is not novel
            assert np.ptp(np.asarray(withheld)) == 0
            (verdict,) = guards["block"].last_verdicts
            assert verdict.label == "unchecked"
            assert "Milvus" in verdict.why
            assert guards["pass"]()[0] is novel
            with pytest.raises(CheckFailedError, match="Milvus"):
                guards["raise"]()
        for _ in range(MOST_ATTEMPTS):
            if guards["block"]()[0] is novel:
                break
            time.sleep(0.5)
        assert guards["block"].last_verdicts[0].label == "clear"
