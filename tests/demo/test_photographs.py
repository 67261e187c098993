"""The demo's training set, cut from the photographs of the installed scikit-image."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from memguard.demo.photographs import (
    COPIES,
    DUPLICATED,
    PHOTOGRAPHS,
    SIDE,
    Picture,
    PictureSet,
    cut_pictures,
    photographs,
    write_folder,
)
from memguard.errors import ConfigurationError

pytest.importorskip("skimage")

COPY_L2 = 0.1
"""The demo's pictures are copies of each other below this l2 (Carlini et al. 2023)."""


@pytest.fixture(scope="module")
def pictures() -> PictureSet:
    return cut_pictures()


def nearest_l2(queries: list[Picture], references: list[Picture]) -> NDArray[np.float64]:
    """For each query the l2 to the nearest reference that is not the query itself."""
    distances = []
    for query in queries:
        pixels = np.asarray(query.image) / 255
        distances.append(
            min(
                float(np.sqrt(np.mean((pixels - np.asarray(reference.image) / 255) ** 2)))
                for reference in references
                if reference is not query
            )
        )
    return np.array(distances)


def test_photographs_are_the_colour_pictures_of_the_wheel() -> None:
    found = photographs()
    assert tuple(found) == PHOTOGRAPHS
    for image in found.values():
        red, green, _ = np.moveaxis(np.asarray(image), -1, 0)
        assert image.mode == "RGB"
        assert (red != green).any()


def test_photographs_without_scikit_image_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)  # how Python marks what cannot be imported
    with pytest.raises(ConfigurationError, match=r"pip install 'memguard\[demo\]'"):
        photographs()


def test_cut_pictures_has_duplicated_single_and_held_out_pictures(pictures: PictureSet) -> None:
    duplicated = [picture for picture in pictures.training if picture.copies > 1]
    assert [picture.name for picture in duplicated] == list(DUPLICATED)
    assert {picture.copies for picture in duplicated} == {COPIES}
    assert len(pictures.training) - len(duplicated) >= 40
    assert len(pictures.held_out) >= 40
    everything = pictures.training + pictures.held_out
    assert len({picture.name for picture in everything}) == len(everything)
    assert {picture.image.size for picture in everything} == {(SIDE, SIDE)}


def test_no_two_pictures_are_near_duplicates(pictures: PictureSet) -> None:
    everything = pictures.training + pictures.held_out
    assert nearest_l2(everything, everything).min() > COPY_L2


def test_cut_pictures_is_the_same_every_time(pictures: PictureSet) -> None:
    again = cut_pictures()
    for first, second in zip(pictures.training, again.training, strict=True):
        assert first.name == second.name
        assert first.image.tobytes() == second.image.tobytes()


def test_write_folder_writes_a_duplicated_picture_as_many_files(
    pictures: PictureSet, tmp_path: Path
) -> None:
    written = write_folder(pictures.training, tmp_path / "training")
    assert written == sorted((tmp_path / "training").iterdir())
    assert len(written) == sum(picture.copies for picture in pictures.training)
    faces = [path for path in written if path.name.startswith("face-")]
    assert len(faces) == COPIES
    for path in faces:
        with Image.open(path) as image:
            assert image.tobytes() == pictures.training[0].image.tobytes()
