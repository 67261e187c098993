"""The canary: in every index, found by every search, shown to nobody."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from memguard import IndexUnavailableError
from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.searcher import Searcher
from memguard.index.ann.writer import write_exact
from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.store.canary import CANARIES, canary_ids, canary_image
from memguard.vision.picture import Picture


def test_they_are_the_same_in_every_process() -> None:
    assert [one[:8] for one in canary_ids()] == ["84f8f0d7", "dafcaf3a", "a9da9903"]
    assert canary_image(0).tobytes() == canary_image(0).tobytes() != canary_image(1).tobytes()
    assert not any(Picture(canary_image(number)).is_blank for number in range(CANARIES))


def test_every_index_has_them_and_nobody_sees_them(built: tuple[Path, BuildSummary]) -> None:
    index = DirectoryIndex.open(built[0])
    assert len(index.canary_rows) == CANARIES
    assert index.manifest.rows == len(index) + CANARIES
    canaries = index._tables.take(index.specs, index.canary_rows)
    assert [one.id for one in canaries] == canary_ids()
    assert all(one.canary for one in canaries)
    for name in canaries[0].vectors:
        _, found = index.search(name, np.stack([one.vectors[name] for one in canaries]), 100)
        assert found.shape == (CANARIES, 60)
        assert np.isin(found, index.rows()).all()
    assert index.find(canary_ids()[0]) is None
    assert not set(index.canary_rows) & set(index.sample(100, np.random.default_rng(0)))
    assert len(index.sample(100, np.random.default_rng(0))) == 60
    assert index.health().records == 60


def blinded(index: DirectoryIndex, name: str) -> DescriptorSpec:
    """Overwrite a FAISS file by one without the canaries' rows, of the same size."""
    spec = next(spec for spec in index.specs if spec.name == name)
    rows = np.concatenate(list(index._tables.column(spec)))
    blind = np.concatenate([rows[CANARIES:], rows[CANARIES : 2 * CANARIES]])
    write_exact(index.manifest.ann[name].index(index.directory, spec), [blind])
    return spec


@pytest.mark.parametrize("name", ["phash64", "phash256", "pixels", "vlad"])
def test_a_blind_search_refuses_to_serve(
    built: tuple[Path, BuildSummary], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fingerprint fits: somebody wrote it so."""
    monkeypatch.setattr("memguard.index.local.changed_files", lambda directory, files: [])
    path = Path(shutil.copytree(built[0], tmp_path / "x"))
    opened = DirectoryIndex.open(path)
    spec = blinded(opened, name)
    message = f"search by {name} does not find the canary of .*verify .* --mend"
    with pytest.raises(IndexUnavailableError, match=message):
        DirectoryIndex.open(path)
    opened._searchers[name] = Searcher(opened.manifest.ann[name].index(path, spec))
    with pytest.raises(IndexUnavailableError, match=message):
        opened.health()
