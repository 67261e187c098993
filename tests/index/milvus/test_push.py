"""Pushing to Milvus: resumed after a kill, updated, and changed in place."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memguard import BuildError, ConfigurationError, Guard, IndexUnavailableError
from memguard.descriptors import weightless_descriptors
from memguard.index.ingest.builder import build
from memguard.index.local import DirectoryIndex
from memguard.index.milvus.push import push
from memguard.index.open import open_index
from memguard.lifecycle import add_images, find_ids, readmit_images, remove_images
from memguard.sources import Folder

KILLED = Path(__file__).parents[2] / "fixtures" / "killed_push.py"
ALL = 63
"""Records of the small index: 60 cuts and the canaries."""


def counts(index):
    names = [*(spec.name for spec in index.specs), "records"]
    return dict(zip(names, index.collections.at_once(index.collections.count, names)))


@pytest.fixture(scope="module")
def resumed(built, milvus):
    """The address of a push that was killed in its second batch, between two collections, and
    what the push said that resumed it."""
    address = milvus.uri("resumed")
    killed = subprocess.run([sys.executable, KILLED, built[0], address, "8"], check=False)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(IndexUnavailableError, match="unfinished push; run the same `memguard push"):
        open_index(address)
    return address, push(built[0], address)


def test_a_killed_push_is_resumed(resumed, built):
    address, summary = resumed
    assert (summary.records, summary.written, summary.removed) == (60, ALL - 16, 0)
    index, here = open_index(address), DirectoryIndex.open(built[0])
    assert set(counts(index).values()) == {ALL}
    for record in here.take(here.rows()):
        found = index.find(record.id)
        assert found is not None
        assert found.thumbnail == record.thumbnail
        distances, _ = index.search("vlad", record.vectors["vlad"][None], 1)
        assert distances[0, 0] == pytest.approx(0, abs=1e-3)


def test_a_second_push_writes_nothing(resumed, built):
    summary = push(built[0], resumed[0])
    assert (summary.records, summary.written, summary.removed) == (60, 0, 0)


def test_other_descriptors_are_refused(resumed, folder, tmp_path):
    build(Folder(folder), tmp_path / "other.memguard", weightless_descriptors()[:1], workers=0)
    with pytest.raises(BuildError, match=r"holds the descriptors .* Choose another prefix"):
        push(tmp_path / "other.memguard", resumed[0])


def test_a_directory_that_is_no_index_is_refused(milvus, tmp_path):
    with pytest.raises(IndexUnavailableError, match="no index"):
        push(tmp_path / "nothing.memguard", milvus.uri("nothing"))


def test_removing_and_adding_there(resumed, built, photographs, tmp_path):
    """A takedown is gone from the next search, of whoever opened the index before, and stays so."""
    address = resumed[0]
    index, guard = open_index(address), Guard(address)
    here = DirectoryIndex.open(built[0])
    taken, *_ = here.take(here.rows()[5:6])
    image = taken.image()
    assert guard.check(image)[0].matches[0].id == taken.id

    assert find_ids(address, taken.uri) == [taken.id]
    removal = remove_images(address, [taken.id])
    assert (removal.removed, removal.records) == ((taken.id,), 59)
    assert index.find(taken.id) is None
    for spec in index.specs:
        _, keys = index.search(spec.name, taken.vectors[spec.name][None], 60)
        assert taken.id not in {one.id for one in index.take(keys[keys >= 0].tolist())}
    assert all(match.id != taken.id for match in guard.check(image)[0].matches)
    assert set(counts(index).values()) == {ALL - 1}
    assert remove_images(address, [taken.id]).removed == ()
    with pytest.raises(ConfigurationError, match="holds no image with the id"):
        remove_images(address, ["0" * 32])

    summary = push(built[0], address)
    assert (summary.records, summary.written, summary.blocked) == (59, 0, 1)

    novel = tmp_path / "novel"
    novel.mkdir()
    shutil.copy(taken.uri, novel / "taken.jpg")
    shutil.copy(here.take(here.rows()[:1])[0].uri, novel / "known.jpg")
    photographs["rocket.jpg"].save(novel / "rocket.png")
    (novel / "rocket.txt").write_text("a rocket", encoding="utf-8")
    (novel / "broken.png").write_bytes(b"no image")
    added = add_images(novel, address, calibrate=False, workers=0)
    assert (added.added, added.duplicates, added.blocked, added.records) == (1, 1, 1, 60)
    assert list(added.unreadable) == [str(novel / "broken.png")]
    match = Guard(address).check(photographs["rocket.jpg"])[0].matches[0]
    assert (match.uri, match.caption) == (str(novel / "rocket.png"), "a rocket")

    readmit_images(address, [taken.id])
    summary = push(built[0], address)
    assert (summary.records, summary.written, summary.removed, summary.blocked) == (60, 1, 1, 0)
    assert Guard(address).check(image)[0].matches[0].id == taken.id


def test_what_was_removed_from_the_directory_leaves_with_the_next_push(resumed, built, tmp_path):
    own = Path(shutil.copytree(built[0], tmp_path / "own.memguard"))
    here = DirectoryIndex.open(own)
    gone = [record.id for record in here.take(here.rows()[:3])]
    remove_images(own, gone)
    summary = push(own, resumed[0])
    assert (summary.records, summary.removed) == (57, 3)
    index = open_index(resumed[0])
    assert [index.find(one) for one in gone] == [None] * 3
    assert len(index) == 57


def test_addresses_are_checked_before_anything_is_written(built):
    with pytest.raises(ConfigurationError, match="no Milvus address"):
        push(built[0], "training.memguard")
