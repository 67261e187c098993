"""Actors of a Ray build, called without a cluster."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest

from memguard.descriptors import weightless_descriptors
from memguard.index.ingest.ray_actors import Describer, Reader, ReaderAndDescriber
from memguard.sources import Folder


@pytest.fixture
def images(folder):
    """24 images, one of them twice, and a broken one."""
    shutil.copy(folder / "0000.jpg", folder / "zzzz.jpg")
    (folder / "0005.bmp").write_bytes(b"no image")
    return folder


def test_two_stages_do_what_one_does(images):
    specs = [descriptor.spec for descriptor in weightless_descriptors()]
    items = list(Folder(images).iterate())[:7]
    batch = {"chunk": [pickle.dumps(items[:4]), pickle.dumps(items[4:])]}
    together = ReaderAndDescriber(specs)(batch)["chunk"]
    apart = Describer(specs)(Reader(specs)(batch))["chunk"]
    for one, other, asked in zip(together, apart, (items[:4], items[4:]), strict=True):
        for left, right, item in zip(pickle.loads(one), pickle.loads(other), asked, strict=True):
            assert left.item.uri == right.item.uri == item.uri
            assert left.item.position == item.position
            if item.uri.endswith(".bmp"):
                assert left == right
                continue
            assert not left.prepared
            assert list(left.vectors) == [spec.name for spec in specs]
            for name, row in left.vectors.items():
                np.testing.assert_array_equal(right.vectors[name], row)
