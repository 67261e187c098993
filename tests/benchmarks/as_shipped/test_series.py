"""Versions of real photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from benchmarks.as_shipped.series import CHANGES, with_versions
from benchmarks.common.pictures import Picture


@pytest.fixture
def pictures(tmp_path: Path) -> list[Picture]:
    found = []
    for name in ("chelsea", "coffee", "astronaut"):
        path = tmp_path / f"{name}.png"
        Image.fromarray(getattr(skimage.data, name)()).resize((200, 160)).save(path)
        found.append(Picture(path, "photograph", name))
    return found


def test_each_picture_has_two_to_four_versions_of_its_group(
    pictures: list[Picture], tmp_path: Path
) -> None:
    found = list(with_versions(pictures, tmp_path / "versions"))
    for picture in pictures:
        versions = [one for one in found if one.group == picture.group]
        assert picture in versions
        assert 3 <= len(versions) <= 5
    assert len({one.path for one in found}) == len(found)
    assert list(with_versions(pictures, tmp_path / "again"))[1].open().tobytes() == (
        found[1].open().tobytes()
    )


@pytest.mark.parametrize("name", CHANGES)
def test_versions_have_other_pixels_the_same_way_each_time(
    name: str, pictures: list[Picture]
) -> None:
    image = pictures[0].open()
    version, again = (CHANGES[name](image, np.random.default_rng(0)) for _ in range(2))
    assert version.tobytes() == again.tobytes() != image.tobytes()


@pytest.mark.parametrize("name", ["recoloured", "resized", "retouched"])
def test_versions_in_the_same_frame_look_alike(name: str, pictures: list[Picture]) -> None:
    image = pictures[0].open()
    both = (image, CHANGES[name](image, np.random.default_rng(0)))
    grey, other = (np.asarray(one.convert("L").resize((16, 16)), float).ravel() for one in both)
    assert np.corrcoef(grey, other)[0, 1] > 0.9


def test_a_trimmed_version_keeps_most_of_the_picture(pictures: list[Picture]) -> None:
    image = pictures[0].open()
    for seed in range(5):
        width, height = CHANGES["trimmed"](image, np.random.default_rng(seed)).size
        assert 0.75**2 * 0.98 < width * height / (image.width * image.height) < 0.92**2 * 1.02
