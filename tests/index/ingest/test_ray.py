"""A build by a Ray cluster gives the index that a local build gives."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from fixtures.network_namespace import isolated

from memguard.descriptors import weightless_descriptors
from memguard.index.ingest.builder import build
from memguard.index.local import DirectoryIndex
from memguard.sources import Folder

BUILDS = Path(__file__).parents[2] / "fixtures" / "ray_builds.py"


@pytest.fixture
def images(folder):
    """24 images, one of them twice, and a broken one."""
    shutil.copy(folder / "0000.jpg", folder / "zzzz.jpg")
    (folder / "0005.bmp").write_bytes(b"no image")
    return folder


def test_ray_builds_the_same_index_and_resumes(images, tmp_path):
    command = isolated(BUILDS, images, tmp_path / "ray.memguard", tmp_path / "summary.json")
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert 0 < summary["added"] < 24
    assert (summary["records"], summary["duplicates"]) == (24, 1)
    assert list(summary["unreadable"]) == [str(images / "0005.bmp")]

    local = tmp_path / "local.memguard"
    build(Folder(images), local, weightless_descriptors(), workers=0)
    ours, theirs = DirectoryIndex.open(tmp_path / "ray.memguard"), DirectoryIndex.open(local)
    assert ours.rows().tolist() == theirs.rows().tolist()
    for one, other in zip(ours.take(ours.rows()), theirs.take(theirs.rows()), strict=True):
        assert (one.id, one.uri, one.caption) == (other.id, other.uri, other.caption)
        assert (one.exact_duplicates, one.near_duplicates) == (
            other.exact_duplicates,
            other.near_duplicates,
        )
        assert (one.thumbnail, one.features) == (other.thumbnail, other.features)
        for name, row in other.vectors.items():
            np.testing.assert_array_equal(one.vectors[name], row)
