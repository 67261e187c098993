"""Clusters of near-duplicates, and that they grow with the index."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from fixtures.picture_files import encoded
from PIL import Image

from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.registry import known_names
from memguard.errors import ConfigurationError
from memguard.index.ingest.near_duplicates import cluster, cluster_sizes, max_distance
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.duplicates import redundant_files
from memguard.index.maintenance.takedown import remove
from memguard.lifecycle import build_index


def test_connected_pairs_are_clusters_named_after_their_first_member() -> None:
    pairs = np.array([[5, 1], [1, 4], [2, 3], [3, 2]])
    assert cluster(7, np.empty(0, np.int64), [pairs]).tolist() == [0, 1, 2, 2, 1, 1, 6]
    assert cluster(3, np.empty(0, np.int64), []).tolist() == [0, 1, 2]


def test_clusters_grow_and_join() -> None:
    known = np.array([0, 1, 1, 3])
    assert cluster(6, known, [np.array([[4, 2], [5, 0], [5, 3]])]).tolist() == [0, 1, 1, 0, 1, 0]


def test_sizes_do_not_count_hidden_rows() -> None:
    clusters = np.array([0, 1, 1, 0, 1, 0])
    sizes = cluster_sizes(clusters, np.array([1, 3]))
    assert sizes.tolist() == [2, 2, 2, 2, 2, 2]
    assert cluster_sizes(clusters, np.empty(0, np.int64)).tolist() == [3] * 6


def test_descriptors_declare_when_two_references_are_one_image() -> None:
    limits = {name: max_distance(spec_named(name)) for name in known_names()}
    declared = {name: limit for name, limit in limits.items() if limit is not None}
    assert declared == {"phash256": 31, "sscd": 0.25}
    with pytest.raises(ConfigurationError, match=r"no descriptor 'holograms' here.*install"):
        max_distance(spec_named("holograms"))


def spec_named(name: str) -> DescriptorSpec:
    return DescriptorSpec(name, "cosine", 3, "m", "p")


@pytest.fixture(scope="module")
def grown(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> list[DirectoryIndex]:
    """An index of six pictures, and again when four versions of two of them were added."""
    root = tmp_path_factory.mktemp("grown")
    images = [photographs[name].resize((160, 120)) for name in sorted(photographs)[:6]]
    (root / "images").mkdir()
    for number, image in enumerate(images):
        image.save(root / "images" / f"{number}.png")
    for level in (0, 255):
        Image.new("RGB", (60, 60), (level,) * 3).save(root / "images" / f"blank{level}.png")
        Image.new("RGB", (61, 60), (level,) * 3).save(root / "images" / f"wide{level}.png")
    found = []
    for step in range(2):
        build_index(root / "images", root / "x", weights={}, calibrate=False, workers=0)
        found.append(DirectoryIndex.open(root / "x"))
        if not step:
            (root / "images" / "more").mkdir()
            for number, quality in ((0, 60), (0, 80), (0, 90), (3, 70)):
                data = encoded(images[number], "JPEG", quality=quality)
                (root / "images" / "more" / f"{number}-{quality}.jpg").write_bytes(data)
                (root / "images" / "more" / f"{number}-{quality}-again.jpg").write_bytes(data)
    return found


def named(index: DirectoryIndex) -> dict[str, tuple[int, int]]:
    """File name to copies and near-duplicates."""
    records = index.take(index.rows().tolist())
    return {Path(one.uri).name: (one.exact_duplicates, one.near_duplicates) for one in records}


def test_a_build_finds_near_duplicates(grown: list[DirectoryIndex]) -> None:
    before, after = map(named, grown)
    assert set(before.values()) == {(1, 1)}
    assert {
        name: after[name] for name in ("0.png", "0-60-again.jpg", "3-70-again.jpg", "1.png")
    } == {
        "0.png": (1, 4),
        "0-60-again.jpg": (2, 4),
        "3-70-again.jpg": (2, 2),
        "1.png": (1, 1),
    }


def test_redundant_are_all_files_but_the_first_of_each_image(grown: list[DirectoryIndex]) -> None:
    before, after = ([Path(uri).name for uri in redundant_files(index)] for index in grown)
    assert before == []
    assert sorted(after) == sorted(
        f"{number}-{quality}{again}.jpg"
        for number, quality in ((0, 60), (0, 80), (0, 90), (3, 70))
        for again in ("", "-again")
    )


def test_images_taken_down_are_not_redundant(grown: list[DirectoryIndex], tmp_path: Path) -> None:
    path = shutil.copytree(grown[1].directory, tmp_path / "x")
    index = DirectoryIndex.open(path)
    known = [one for one in index.take(index.rows().tolist()) if "3-70" in one.uri]
    remove(path, [known[0].id])
    assert not any("3-70" in uri for uri in redundant_files(DirectoryIndex.open(path)))


def test_blank_images_have_no_duplicates(grown: list[DirectoryIndex]) -> None:
    assert {
        named(grown[1])[f"{what}{level}.png"] for what in ("blank", "wide") for level in (0, 255)
    } == {(1, 1)}


def test_growing_gives_what_building_at_once_gives(
    grown: list[DirectoryIndex], tmp_path: Path
) -> None:
    images = grown[0].directory.parent / "images"
    build_index(images, tmp_path / "x", weights={}, calibrate=False, workers=0)
    assert named(DirectoryIndex.open(tmp_path / "x")) == named(grown[1])
