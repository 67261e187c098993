"""Near hashes found without comparing all with all are those that comparing all with all finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.picture_files import write_cuts
from numpy.typing import NDArray
from PIL import Image

from memguard.descriptors.base import distances
from memguard.descriptors.phash import PHash
from memguard.index.ann import files as ann_files
from memguard.index.ann import hamming_join as near_hashes
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.searcher import Searcher
from memguard.index.ingest import near_duplicates as duplicates
from memguard.index.ingest.near_duplicates import NEAR, cluster, near_pairs
from memguard.vision.picture import Picture
from memguard.vision.transforms import SIMULATED_COPIES

NOBODY = np.empty(0, np.int64)
RADIUS = NEAR["phash256"]

Codes = NDArray[np.uint8]


def in_blocks(codes: Codes) -> Callable[[int], Iterator[Codes]]:
    return lambda after: (codes[i : i + 50] for i in range(after, len(codes), 50))


def all_pairs(codes: Codes) -> set[tuple[int, int]]:
    apart = np.bitwise_count(codes[:, None] ^ codes).sum(axis=2)
    return {(int(i), int(j)) for i, j in np.argwhere(apart <= RADIUS) if i != j}


@pytest.fixture(scope="module")
def hashes(photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Codes:
    """Of cuts of photographs and of simulated copies of them, some of them twice."""
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
        (int(i), int(j))
        for part in near_hashes.near_hashes(in_blocks(both), 0, RADIUS, NOBODY)
        for i, j in part
    }
    assert {(i, i + 300) for i in range(300)} <= found | {(j, i) for i, j in found}
    near = all_pairs(both)
    assert all((i, j) in near for i, j in found if i != j)


@pytest.mark.parametrize("first", [0, 350])
@pytest.mark.parametrize("shard", [100, 10_000])
def test_real_hashes_cluster_as_when_all_are_compared(
    hashes: Codes, first: int, shard: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_hashes, "SHARD", shard)
    monkeypatch.setattr(near_hashes, "AT_ONCE", 500)
    monkeypatch.setattr(duplicates, "PAIRS_HELD", 1000)
    spec = PHash(16).spec
    ann_files.write(spec, in_blocks(hashes)(0), tmp_path / "x.faiss")
    searcher = Searcher(spec, tmp_path / "x.faiss", AnnChoice("BFlat", 0))
    alone = np.array([3, 200, 370], np.int64)
    asked = (spec, searcher, in_blocks(hashes), first, alone)
    one_by_one = near_pairs(*asked)
    monkeypatch.setattr(duplicates, "MOST_COMPARED", 0)
    joined = near_pairs(*asked)
    assert len(joined) < len(hashes)
    rows = len(hashes)
    near = [(i, j) for i, j in all_pairs(hashes[:first]) if not {i, j} & {*alone.tolist()}]
    before = cluster(first, NOBODY, [np.array(near, np.int64).reshape(-1, 2)])
    clusters = cluster(rows, before, [joined])
    assert clusters.tolist() == cluster(rows, before, [one_by_one]).tolist()
    assert 1 < len(np.unique(clusters)) < rows
    assert not np.isin(joined, alone).any()
    for i, j in one_by_one[:20]:
        assert distances(spec, hashes[i], hashes[[j]])[0] <= RADIUS


def test_a_crowd_holds_together_through_some_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many versions of one picture, each is compared with a few only."""
    monkeypatch.setattr(near_hashes, "LARGEST", 10)
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, 32, dtype=np.uint8)
    flips = np.packbits(rng.random((2000, 256)) < 0.03, axis=1)
    pairs = list(near_hashes.near_hashes(in_blocks(one ^ flips), 0, RADIUS, NOBODY))
    assert set(cluster(2000, NOBODY, pairs).tolist()) == {0}
