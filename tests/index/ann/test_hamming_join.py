"""The Hamming join finds the pairs that comparing all hashes with all finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fixtures.clustered_vectors import InMemory
from fixtures.picture_files import write_cuts
from numpy.typing import NDArray
from PIL import Image

from memguard.descriptors.base import distances
from memguard.descriptors.phash import NEAR_DUPLICATE_BITS, PHash
from memguard.index.ann import hamming_join as joining
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.hamming_join import hamming_join
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.searcher import Searcher
from memguard.index.ann.writer import write_exact
from memguard.index.ingest import near_duplicates
from memguard.index.ingest.near_duplicates import cluster, near_pairs
from memguard.vision.picture import Picture
from memguard.vision.transforms import SIMULATED_COPIES

NONE = np.empty(0, np.int64)
RADIUS = NEAR_DUPLICATE_BITS

Codes = NDArray[np.uint8]


def in_blocks(codes: Codes) -> InMemory:
    return InMemory(codes, block=50)


def all_pairs(codes: Codes) -> set[tuple[int, int]]:
    apart = np.bitwise_count(codes[:, None] ^ codes).sum(axis=2)
    return {(int(i), int(j)) for i, j in np.argwhere(apart <= RADIUS) if i != j}


@pytest.fixture(scope="module")
def hashes(photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Codes:
    """Hashes of cuts of photographs and of simulated copies of them, some of them twice."""
    folder = tmp_path_factory.mktemp("cuts")
    write_cuts(photographs, folder, 60)
    rng = np.random.default_rng(0)
    cuts = [Image.open(path).convert("RGB") for path in sorted(folder.rglob("*.*"))]
    made = [one for cut in cuts for one in (cut, *(f(cut, rng) for f in copying()))]
    descriptor = PHash(16)
    codes = descriptor.describe([descriptor.prepare(Picture(one)) for one in made])
    return np.concatenate([codes, codes[:30]])


def copying() -> list[Callable[[Image.Image, np.random.Generator], Image.Image]]:
    return list(SIMULATED_COPIES.values())[:6]


def test_every_pair_is_found_at_every_distance_up_to_the_radius() -> None:
    """Where the bits differ is drawn: together in a word, spread evenly, anywhere."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (300, 32), dtype=np.uint8)
    flips = np.zeros((300, 256), np.uint8)
    for row, changed in enumerate(flips):
        count = row % (int(RADIUS) + 1)
        places = (rng.permutation(256), np.arange(256), np.arange(256).reshape(8, 32).T.reshape(-1))
        changed[places[row // 100][:count]] = 1
    both = np.concatenate([codes, codes ^ np.packbits(flips, axis=1)])
    found = {
        (int(i), int(j)) for part in hamming_join(in_blocks(both), 0, RADIUS, NONE) for i, j in part
    }
    assert {(i, i + 300) for i in range(300)} <= found | {(j, i) for i, j in found}
    near = all_pairs(both)
    assert all((i, j) in near for i, j in found if i != j)


@pytest.mark.parametrize("first", [0, 350])
@pytest.mark.parametrize("shard", [100, 10_000])
def test_real_hashes_cluster_as_when_all_are_compared(
    hashes: Codes, first: int, shard: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "SHARD_HASHES", shard)
    monkeypatch.setattr(joining, "PAIRS_AT_ONCE", 500)
    monkeypatch.setattr(near_duplicates, "MAX_HELD_PAIRS", 1000)
    spec = PHash(16).spec
    index = AnnIndex(spec, tmp_path / "x.faiss", AnnChoice("BFlat", 0))
    searcher = Searcher(write_exact(index, [hashes]))
    excluded = np.array([3, 200, 370], np.int64)
    asked = (searcher, in_blocks(hashes), RADIUS, first, excluded)
    one_by_one = near_pairs(*asked)
    monkeypatch.setattr(near_duplicates, "MAX_COMPARED_HASHES", 0)
    joined = near_pairs(*asked)
    assert len(joined) < len(hashes)
    rows = len(hashes)
    near = [(i, j) for i, j in all_pairs(hashes[:first]) if not {i, j} & {*excluded.tolist()}]
    before = cluster(first, NONE, [np.array(near, np.int64).reshape(-1, 2)])
    clusters = cluster(rows, before, [joined])
    assert clusters.tolist() == cluster(rows, before, [one_by_one]).tolist()
    assert 1 < len(np.unique(clusters)) < rows
    assert not np.isin(joined, excluded).any()
    for i, j in one_by_one[:20]:
        assert distances(spec, hashes[i], hashes[[j]])[0] <= RADIUS


def test_a_large_group_is_connected_through_some_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many versions of one picture, each is compared with a few only."""
    monkeypatch.setattr(joining, "MAX_GROUP", 10)
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, 32, dtype=np.uint8)
    flips = np.packbits(rng.random((2000, 256)) < 0.03, axis=1)
    pairs = list(hamming_join(in_blocks(one ^ flips), 0, RADIUS, NONE))
    assert set(cluster(2000, NONE, pairs).tolist()) == {0}
