"""What calibration measures, and the copies that it sets aside."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fixtures.calibrations import NOVEL, Calibrated, write_gallery, write_novel
from PIL import Image, ImageOps

from memguard.calibration import measurements
from memguard.calibration.measurements import (
    CERTAIN_FEATURES,
    CERTAIN_STRUCTURE,
    FolderPictures,
    Measurements,
    SetAside,
    is_copy,
    measure,
)
from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.errors import BuildError, CalibrationError
from memguard.index import Index
from memguard.index.open import open_index
from memguard.lifecycle import build_index
from memguard.vision.transforms import SIMULATED_COPIES

SIGNALS = {"structure", "aligned_structure", "structure_and_l2"}


def detector(path: Path) -> Detector:
    index = open_index(path)
    return Detector(index, load_descriptors(index.specs))


@dataclass(frozen=True)
class LeftOut:
    """Leave-one-out on an index of three novel pictures, a blank one, a cat, its smaller JPEG,
    a coffee cup, and its mirror image."""

    measured: Measurements
    steps: list[tuple[int, int]]
    index: Index


@pytest.fixture(scope="module")
def left_out(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> LeftOut:
    images = tmp_path_factory.mktemp("left-out") / "images"
    write_novel(images, 3)
    cat, coffee = photographs["chelsea.png"], photographs["coffee.png"]
    Image.new("RGB", (50, 50), "white").save(images / "blank.png")
    cat.save(images / "cat.png")
    cat.resize((300, 200)).save(images / "smaller.jpg", quality=70)
    coffee.save(images / "coffee.png")
    ImageOps.mirror(coffee).save(images / "mirrored.png")
    output = images.parent / "index"
    build_index(images, output, weights={}, calibrate=False, workers=0)
    steps: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurements, "COPIED", 2)  # pictures to simulate copies of: only for speed
        measured = measure(
            detector(output), None, lambda *now: steps.append(now), np.random.default_rng(0)
        )
    return LeftOut(measured, steps, open_index(output))


def test_leave_one_out_sets_near_duplicates_and_mirror_images_aside(left_out: LeftOut) -> None:
    pairs = {
        (Path(one.image).name, Path(one.reference).name) for one in left_out.measured.set_aside
    }
    assert pairs == {
        ("cat.png", "smaller.jpg"),
        ("smaller.jpg", "cat.png"),
        ("coffee.png", "mirrored.png"),
        ("mirrored.png", "coffee.png"),
    }
    for one in left_out.measured.set_aside:
        assert one.distances["structure"] < 0.05
        assert is_copy(one.distances)


def test_leave_one_out_measures_each_reference_against_the_others(left_out: LeftOut) -> None:
    """Without itself and its copies nothing is near: no distance is that of a copy."""
    measured = left_out.measured
    assert measured.method == "leave-one-out"
    assert measured.blank == 1
    assert set(measured.negatives) == SIGNALS
    for name, distances in measured.negatives.items():
        assert len(distances) == 7, name
        assert np.isfinite(distances).all()
    assert measured.negatives["structure"].min() > 0.3
    assert measured.negatives["aligned_structure"].min() > 0.55


def test_simulated_copies_are_measured_to_their_own_reference(left_out: LeftOut) -> None:
    measured = left_out.measured
    kinds = list(SIMULATED_COPIES)
    pictures = len(measured.transforms) // len(kinds)
    assert pictures in (1, 2)  # one of the two drawn may be the blank one
    assert measured.transforms == tuple(kinds * pictures)
    assert {len(distances) for distances in measured.copies.values()} == {len(measured.transforms)}
    jpeg = [i for i, kind in enumerate(measured.transforms) if kind == "jpeg 30"]
    assert measured.copies["structure"][jpeg].max() < 0.1
    assert measured.copies["aligned_structure"][jpeg].max() < 0.2


def test_progress_reaches_the_end(left_out: LeftOut) -> None:
    total = 8 + len(left_out.measured.transforms)
    assert left_out.steps[-1] == (total, total)
    assert {all_ for _, all_ in left_out.steps} == {total}
    done = [now for now, _ in left_out.steps]
    assert done == sorted(done)
    assert done[0] == 8


def test_held_out_copies_are_found_and_blank_ones_counted(calibrated: Calibrated) -> None:
    measured = Measurements.read(calibrated.path)
    assert measured.method == "held-out"
    (pair,) = measured.set_aside
    assert Path(pair.image).name == "copy.jpg"
    assert Path(pair.reference).name == "chelsea.png"
    assert pair.distances["structure"] < 0.05
    assert measured.blank == 2
    assert {len(distances) for distances in measured.negatives.values()} == {NOVEL}
    assert measured.negatives["structure"].min() > 0.3, "the copy is not among them"
    assert set(measured.copies) == set(measured.negatives) == SIGNALS
    assert {len(distances) for distances in measured.copies.values()} == {4 * 15}


def test_the_same_bytes_held_out_are_a_copy(gallery: Path) -> None:
    with Image.open(gallery.parent / "images" / "coffee.png") as image:
        negatives = [("mine", measurements.Picture(image))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurements, "COPIED", 0)  # no simulated copies: only for speed
        measured = measure(detector(gallery), negatives, lambda *_: None, np.random.default_rng(0))
    assert [(one.image, Path(one.reference).name) for one in measured.set_aside] == [
        ("mine", "coffee.png")
    ]
    assert measured.negatives == measured.copies == {}
    assert measured.transforms == ()


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        ({}, False),
        ({"structure": 0.1}, False),
        ({"phash256": 60}, False),
        ({"structure": 0.1, "phash256": 60}, True),
        ({"aligned_structure": 0.4, "local_features": -6}, False),
        ({"aligned_structure": 0.4, "local_features": -6, "phash256": 60}, True),
        ({"aligned_structure": 0.4, "local_features": -6, "sscd_normalised": -0.4}, True),
        ({"structure": 0.1, "sscd_normalised": -0.4}, True),
        ({"sscd_normalised": -0.4}, False),
        ({"aligned_structure": CERTAIN_STRUCTURE, "local_features": CERTAIN_FEATURES}, True),
        ({"aligned_structure": 0.3, "local_features": CERTAIN_FEATURES}, False),
        ({"aligned_structure": 0.1, "local_features": -20}, False),
    ],
)
def test_a_copy_takes_independent_witnesses(distances: dict[str, float], expected: bool) -> None:
    far = {
        "structure": 1.0,
        "phash256": 128.0,
        "aligned_structure": 1.0,
        "local_features": 0.0,
    }
    assert is_copy(far | distances) == expected


def test_write_and_read(tmp_path: Path) -> None:
    measured = Measurements(
        negatives={"a": np.array([0.25, math.inf, -3.0]), "b": np.array([math.inf] * 3)},
        copies={"a": np.array([0.5]), "b": np.array([1.0])},
        transforms=("jpeg 30",),
        method="held-out",
        blank=2,
        set_aside=(SetAside("/x.png", "/y.png", {"a": 0.1}),),
    )
    measured.write(tmp_path)
    again = Measurements.read(tmp_path)
    for side in ("negatives", "copies"):
        for name, distances in getattr(measured, side).items():
            np.testing.assert_array_equal(getattr(again, side)[name], distances)
    assert (again.transforms, again.method, again.blank, again.set_aside) == (
        measured.transforms,
        measured.method,
        measured.blank,
        measured.set_aside,
    )


def test_none_and_damaged_ones(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"no readable measurements .*memguard calibrate"):
        Measurements.read(tmp_path)
    for text in ("{", "[]", "{}", '{"negatives": 3}'):
        (tmp_path / "measurements.json").write_text(text)
        with pytest.raises(CalibrationError, match="no readable measurements"):
            Measurements.read(tmp_path)


def test_a_folder_of_negatives(cat: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    cat.save(tmp_path / "deep" / "a.jpg")
    cat.convert("L").save(tmp_path / "b.png")
    (tmp_path / "notes.txt").write_text("x")
    pictures = FolderPictures(tmp_path)
    assert len(pictures) == 2
    assert [Path(name).name for name, _ in pictures] == ["b.png", "a.jpg"]
    assert [picture.image.size for _, picture in pictures[:5]] == [cat.size] * 2
    assert pictures[1:][0][0] == pictures[-1][0] == str((tmp_path / "deep" / "a.jpg").resolve())
    (tmp_path / "c.png").write_bytes(b"no image")
    with pytest.raises(CalibrationError, match=r"c\.png is no readable image .*take it out"):
        list(pictures.__class__(tmp_path))
    with pytest.raises(BuildError, match="is not a folder"):
        FolderPictures(tmp_path / "b.png")


def test_references_whose_files_are_gone_are_measured_by_their_thumbnails(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    path = write_gallery(photographs, tmp_path)
    shutil.rmtree(tmp_path / "images")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurements, "COPIED", 1)  # only for speed
        measured = measure(detector(path), None, lambda *_: None, np.random.default_rng(0))
    assert {len(distances) for distances in measured.negatives.values()} == {4}
    assert measured.negatives["structure"].min() > 0.3
    jpeg = measured.transforms.index("jpeg 30")
    assert measured.copies["structure"][jpeg] < 0.05
