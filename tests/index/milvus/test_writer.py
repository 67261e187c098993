"""Changes of an index in Milvus; removing and adding are tested with pushes (test_push.py)."""

from __future__ import annotations

import json

import pytest

from memguard import BuildError, ConfigurationError
from memguard.descriptors import weightless_descriptors
from memguard.index.milvus.push import push
from memguard.index.open import open_index, open_writer
from memguard.index.store.canary import canary_ids
from memguard.index.store.documents import BLOCKED
from memguard.sources import Folder


@pytest.fixture(scope="module")
def pushed(gallery, milvus):
    """An index of four photographs; tests leave its records as they are."""
    push(gallery, milvus.uri("written"))
    return milvus.uri("written")


def test_documents_are_kept_and_taken_away(pushed):
    writer, other = open_writer(pushed), open_index(pushed)
    writer.write_document("page.html", bytes(200_000))
    assert writer.index.read_document("page.html") == bytes(200_000)
    assert other.health().outdated
    assert open_index(pushed).read_document("page.html") == bytes(200_000)
    writer.write_document("page.html", None)
    assert open_index(pushed).read_document("page.html") is None
    assert not other.health().outdated


def test_other_descriptors_are_not_added(pushed, folder):
    with pytest.raises(BuildError, match="holds other descriptors than these"):
        open_writer(pushed).add(Folder(folder), weightless_descriptors()[:1], workers=0)


def test_an_empty_source_adds_nothing(pushed, tmp_path):
    with pytest.raises(BuildError, match="no image files; nothing was added"):
        open_writer(pushed).add(Folder(tmp_path), weightless_descriptors(), workers=0)


@pytest.mark.parametrize("wrong", ["0" * 32, canary_ids()[0], "no hexadecimal"])
def test_what_is_not_there_cannot_be_removed(pushed, wrong):
    with pytest.raises(ConfigurationError, match=r"no image with the id|32 hexadecimal digits"):
        open_writer(pushed).remove([wrong])
    assert open_index(pushed).health().records == 4


def test_two_writers_keep_what_the_other_has_blocked(gallery, milvus):
    address = milvus.uri("two_writers")
    push(gallery, address)
    index = open_index(gallery)
    ids = sorted(record.id for record in index.take(index.rows()[:2].tolist()))
    writers = [open_writer(address), open_writer(address)]
    for writer, one in zip(writers, ids, strict=True):
        writer.remove([one])
    assert json.loads(open_index(address).read_document(BLOCKED)) == ids


def test_ids_of_a_file(pushed, gallery):
    record = open_index(gallery).take(open_index(gallery).rows()[:1].tolist())[0]
    writer = open_writer(pushed)
    assert writer.find_ids(record.uri) == [record.id]
    assert writer.find_ids("/nowhere.png") == []
    assert writer.specs == open_index(gallery).specs
