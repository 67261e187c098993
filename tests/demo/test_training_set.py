"""The demo's training set, cut from the photographs of the installed scikit-image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from memguard.demo.training_set import (
    DUPLICATE_FILES,
    DUPLICATED,
    SIDE,
    TrainingImage,
    cut_training_set,
    write_folder,
)

pytest.importorskip("skimage")

COPY_L2 = 0.1
"""The demo's images are copies of each other below this l2 (Carlini et al. 2023)."""


@pytest.fixture(scope="module")
def images() -> list[TrainingImage]:
    return cut_training_set()


def nearest_l2(images: list[TrainingImage]) -> NDArray[np.float64]:
    """For each image the l2 to the nearest other one."""
    distances = []
    for image in images:
        pixels = np.asarray(image.image) / 255
        distances.append(
            min(
                float(np.sqrt(np.mean((pixels - np.asarray(other.image) / 255) ** 2)))
                for other in images
                if other is not image
            )
        )
    return np.array(distances)


def test_there_are_duplicated_and_single_images(images: list[TrainingImage]) -> None:
    duplicated = [image for image in images if image.files > 1]
    assert [image.name for image in duplicated] == list(DUPLICATED)
    assert {image.files for image in duplicated} == {DUPLICATE_FILES}
    assert len(images) - len(duplicated) >= 40
    assert len({image.name for image in images}) == len(images)
    assert {image.image.size for image in images} == {(SIDE, SIDE)}


def test_no_two_images_are_near_duplicates(images: list[TrainingImage]) -> None:
    assert nearest_l2(images).min() > COPY_L2


def test_the_training_set_is_the_same_every_time(images: list[TrainingImage]) -> None:
    for first, second in zip(images, cut_training_set(), strict=True):
        assert first.name == second.name
        assert first.image.tobytes() == second.image.tobytes()


def test_a_duplicated_image_is_written_to_several_files(
    images: list[TrainingImage], tmp_path: Path
) -> None:
    written = write_folder(images, tmp_path / "training")
    assert written == sorted((tmp_path / "training").iterdir())
    assert len(written) == sum(image.files for image in images)
    faces = [path for path in written if path.name.startswith("face-")]
    assert len(faces) == DUPLICATE_FILES
    for path in faces:
        with Image.open(path) as image:
            assert image.tobytes() == images[0].image.tobytes()
