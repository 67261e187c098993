"""What calibration measures, and the negatives that it excludes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fixtures.calibrations import (
    NOVEL,
    SIMULATED,
    Calibrated,
    simulated_copies_of,
    stored_measurements,
    write_gallery,
    write_novel,
)
from PIL import Image, ImageOps

from memguard.calibration import measure as calibration_measure
from memguard.calibration.contamination import is_copy
from memguard.calibration.held_out import HeldOut
from memguard.calibration.measure import measure
from memguard.calibration.measurements import Measurements
from memguard.descriptors import load_descriptors
from memguard.descriptors.phash import PHash256
from memguard.detection.detector import Detector
from memguard.detection.signals import signal_table
from memguard.index import Index
from memguard.index.open import open_index
from memguard.lifecycle import build_index
from memguard.vision.picture import Picture
from memguard.vision.transforms import SIMULATED_COPIES, dead_leaves

SIGNALS = {"copy_evidence"}
BLOCK = -24
"""The default threshold: at or below it an image is a copy."""


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
    with simulated_copies_of(2):
        measured = measure(
            detector(output), None, lambda *now: steps.append(now), np.random.default_rng(0)
        )
    return LeftOut(measured, steps, open_index(output))


def test_leave_one_out_sets_near_duplicates_and_mirror_images_aside(left_out: LeftOut) -> None:
    pairs = {
        (Path(one.image).name, Path(one.reference).name) for one in left_out.measured.contaminated
    }
    assert pairs == {
        ("cat.png", "smaller.jpg"),
        ("smaller.jpg", "cat.png"),
        ("coffee.png", "mirrored.png"),
        ("mirrored.png", "coffee.png"),
    }
    for one in left_out.measured.contaminated:
        assert one.distances["structure"] < 0.05
        assert is_copy(one.distances, signal_table([PHash256]))


def test_leave_one_out_measures_each_reference_against_the_others(left_out: LeftOut) -> None:
    """Without itself and its copies nothing is near: no distance is that of a copy."""
    measured = left_out.measured
    assert measured.method == "leave-one-out"
    assert measured.blank == 1
    assert set(measured.negatives) == SIGNALS
    for name, distances in measured.negatives.items():
        assert len(distances) == 7, name
        assert np.isfinite(distances).all()
    assert measured.negatives["copy_evidence"].min() > BLOCK


def test_simulated_copies_are_measured_to_their_own_reference(left_out: LeftOut) -> None:
    measured = left_out.measured
    kinds = list(SIMULATED_COPIES)
    pictures = len(measured.transforms) // len(kinds)
    assert pictures in (1, 2)  # one of the two drawn may be the blank one
    assert measured.transforms == tuple(kinds * pictures)
    assert {len(distances) for distances in measured.simulated_copies.values()} == {
        len(measured.transforms)
    }
    jpeg = [i for i, kind in enumerate(measured.transforms) if kind == "jpeg 30"]
    assert measured.simulated_copies["copy_evidence"][jpeg].max() < BLOCK


def test_progress_reaches_the_end(left_out: LeftOut) -> None:
    total = 8 + len(left_out.measured.transforms)
    assert left_out.steps[-1] == (total, total)
    assert {all_ for _, all_ in left_out.steps} == {total}
    done = [now for now, _ in left_out.steps]
    assert done == sorted(done)
    assert done[0] == 8


def test_held_out_copies_are_found_and_blank_ones_counted(calibrated: Calibrated) -> None:
    measured = stored_measurements(calibrated.path)
    assert measured.method == "held-out"
    (pair,) = measured.contaminated
    assert Path(pair.image).name == "copy.jpg"
    assert Path(pair.reference).name == "chelsea.png"
    assert pair.distances["structure"] < 0.05
    assert measured.blank == 2
    assert {len(distances) for distances in measured.negatives.values()} == {NOVEL}
    assert measured.negatives["copy_evidence"].min() > BLOCK, "the copy is not among them"
    assert set(measured.simulated_copies) == set(measured.negatives) == SIGNALS
    assert {len(distances) for distances in measured.simulated_copies.values()} == {15 * SIMULATED}


def test_the_same_bytes_held_out_are_a_copy(gallery: Path) -> None:
    with Image.open(gallery.parent / "images" / "coffee.png") as image:
        negatives = HeldOut([("mine", Picture(image))])
    with simulated_copies_of(0):
        measured = measure(detector(gallery), negatives, lambda *_: None, np.random.default_rng(0))
    assert [(one.image, Path(one.reference).name) for one in measured.contaminated] == [
        ("mine", "coffee.png")
    ]
    assert measured.negatives == measured.simulated_copies == {}
    assert measured.transforms == ()


def test_references_whose_files_are_gone_are_measured_by_their_thumbnails(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    path = write_gallery(photographs, tmp_path)
    shutil.rmtree(tmp_path / "images")
    with simulated_copies_of(1):
        measured = measure(detector(path), None, lambda *_: None, np.random.default_rng(0))
    assert {len(distances) for distances in measured.negatives.values()} == {4}
    assert measured.negatives["copy_evidence"].min() > BLOCK
    jpeg = measured.transforms.index("jpeg 30")
    assert measured.simulated_copies["copy_evidence"][jpeg] < 2 * BLOCK


def test_what_a_human_said_decides_what_is_evidence(
    gallery: Path, cat: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_measure, "MOST_SIMULATED", 1)  # only for speed
    leaves = [dead_leaves((80, 80), np.random.default_rng(seed), leaves=150) for seed in range(4)]
    pictures = [(f"leaves {i}", Picture(image)) for i, image in enumerate(leaves)]
    named = [*pictures, ("cat", Picture(cat)), ("mirrored", Picture(ImageOps.mirror(cat)))]
    negatives = HeldOut(named)
    negatives.alike = {"leaves 0": 3, "leaves 1": 3}
    negatives.copies = {"leaves 1": False, "leaves 2": True, "cat": False}
    measured = measure(detector(gallery), negatives, lambda *_: None, np.random.default_rng(0))
    set_aside = {one.image: one for one in measured.contaminated}
    assert list(set_aside) == ["leaves 0", "leaves 2", "mirrored"]
    assert measured.count == 3, "leaves 1 and 3, and the cat, which somebody took for novel"
    assert measured.negatives["copy_evidence"].min() < 3 * BLOCK, "the cat's distance to itself"
    of_a_kind, said, mirrored = set_aside.values()
    assert (of_a_kind.agreed, of_a_kind.alike, of_a_kind.judged) == (False, 3, False)
    assert (said.agreed, said.alike, said.judged) == (False, 0, True)
    assert (mirrored.agreed, mirrored.alike, mirrored.judged) == (True, 0, False)
    assert of_a_kind.reference, "the nearest, to compare with"
    assert measured.doubtful == 2
