"""Verdicts on real photographs: copies of all kinds, novel pictures, blank ones."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from fixtures.calibrations import GALLERY, MEMORIZED, Calibrated
from PIL import Image

from memguard.calibration.load import calibrated_detector
from memguard.descriptors import load_descriptors
from memguard.detection.decision import SHOWN_MATCHES
from memguard.detection.detector import Detector
from memguard.detection.signals import ADDED_EVIDENCE
from memguard.index import Index
from memguard.index.open import open_index
from memguard.index.store.canary import CANARIES
from memguard.signal_type import Threshold
from memguard.verdict import Match
from memguard.vision.picture import Picture
from memguard.vision.transforms import SIMULATED_COPIES

SIGNALS = {
    "l2",
    "relative_l2",
    "tiled_l2",
    "masked_tiled_l2",
    "foreground",
    "structure",
    "structure_and_l2",
    "aligned_structure",
    "local_features",
    "shared_region",
    "copy_evidence",
    "phash64",
    "phash256",
    "pixels",
    "vlad",
}

COPIES = [
    "jpeg 30",
    "noise 60",
    "64 px",
    "colour",
    "mirror",
    "crop 80",
    "turn 10",
    "text+border",
    "inset 60",
    "diffusion-like",
]


@pytest.fixture(scope="module")
def index(gallery: Path) -> Index:
    return open_index(gallery)


@pytest.fixture(scope="module")
def detector(index: Index) -> Detector:
    """With the default thresholds."""
    return Detector(index, load_descriptors(index.specs))


def copy(image: Image.Image, kind: str) -> Image.Image:
    return SIMULATED_COPIES[kind](image, np.random.default_rng(0))


def stem(match: Match) -> str:
    return Path(match.uri).stem


def test_the_very_image(detector: Detector, cat: Image.Image) -> None:
    (verdict,) = detector.detect([cat])
    assert verdict.label == "memorized"
    assert verdict.score > 1
    match = verdict.matches[0]
    assert (stem(match), match.view, match.exact_duplicates, match.caption) == (
        "chelsea",
        "as is",
        3,
        "a cat",
    )
    assert match.distances["phash64"] == match.distances["phash256"] == 0
    assert match.distances["l2"] < 0.02
    assert match.distances["structure"] < 0.01
    assert match.distances["aligned_structure"] < 0.05
    assert match.distances["local_features"] < -100
    assert match.distances["copy_evidence"] < -90


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_memorized(
    detector: Detector, photographs: dict[str, Image.Image], kind: str
) -> None:
    names = GALLERY[:2]
    verdicts = detector.detect([copy(photographs[name], kind) for name in names])
    for name, verdict in zip(names, verdicts, strict=True):
        assert verdict.label == "memorized", name
        assert verdict.score >= 1
        assert stem(verdict.matches[0]) == Path(name).stem
        assert verdict.matches[0].view == ("mirrored" if kind == "mirror" else "as is")


def test_other_photographs_are_clear(
    detector: Detector, photographs: dict[str, Image.Image]
) -> None:
    novel = [image for name, image in photographs.items() if name not in GALLERY]
    assert len(novel) == 3
    for verdict in detector.detect(novel):
        assert verdict.label == "clear"
        assert verdict.score < 0.5
        assert 0 < len(verdict.matches) <= SHOWN_MATCHES
        assert " is beyond the flag threshold " in verdict.why
        limits = {f"{signal.similar:.3g}" for signal in verdict.signals}
        assert verdict.why.rpartition(" ")[2] in limits
        assert Path(verdict.matches[0].uri).name in verdict.why


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_image_is_uninformative(detector: Detector, level: int) -> None:
    rng = np.random.default_rng(0)
    pixels = np.clip(level + rng.normal(0, 2, (64, 64, 3)), 0, 255).astype(np.uint8)
    for image in (Image.new("L", (90, 60), level), Image.fromarray(pixels)):
        (verdict,) = detector.detect([image])
        assert verdict.label == "uninformative"
        assert verdict.why.startswith("the image is blank" if level else "the image is black")


def test_matches_carry_every_distance_and_signals_the_smallest(
    detector: Detector, cat: Image.Image
) -> None:
    (verdict,) = detector.detect([copy(cat, "jpeg 30")])
    assert len(verdict.matches) == 4
    for match in verdict.matches:
        assert set(match.distances) == SIGNALS
        assert all(math.isfinite(distance) for distance in match.distances.values())
    assert {signal.name for signal in verdict.signals} == set(detector.thresholds)
    for signal in verdict.signals:
        smallest = min(match.distances[signal.name] for match in verdict.matches)
        assert signal.distance == smallest
        limit = detector.thresholds[signal.name]
        assert (signal.similar, signal.memorized) == (limit.similar, limit.memorized)
    assert verdict.score == max(signal.evidence for signal in verdict.signals)
    evidence = [
        sum(
            dataclasses.replace(signal, distance=match.distances[signal.name]).evidence
            for signal in verdict.signals
        )
        for match in verdict.matches
    ]
    assert evidence == sorted(evidence, reverse=True)


def test_only_what_is_not_clear_has_a_region(
    detector: Detector, photographs: dict[str, Image.Image], cat: Image.Image
) -> None:
    """The lower half of the cat beside all that is novel."""
    half = cat.crop((0, 150, 451, 300))
    template = photographs["rocket.jpg"].resize((451, 300))
    template.paste(half, (0, 150))
    found, novel = detector.detect([template, photographs["rocket.jpg"]])
    region = found.matches[0].region
    assert region is not None
    assert min(y for _, y in region.query) == pytest.approx(0.5, abs=0.07)
    assert region.share_of_reference == pytest.approx(0.5, abs=0.1)
    assert [match.region for match in found.matches[1:]] == [None] * 3
    assert {match.region for match in novel.matches} == {None}


def test_relative_l2_is_over_half_the_mean_of_the_candidates(
    detector: Detector, cat: Image.Image
) -> None:
    """Of the paper's 50 nearest references there are as many as there are candidates."""
    matches = detector.find_matches([Picture(copy(cat, "jpeg 30"))])[0]
    usual = matches[0].distances["l2"] / matches[0].distances["relative_l2"]
    assert matches[0].distances["relative_l2"] < 0.5
    for match in matches:
        assert match.distances["l2"] / match.distances["relative_l2"] == pytest.approx(usual)
        together = math.hypot(match.distances["structure"], match.distances["relative_l2"] / 2)
        assert match.distances["structure_and_l2"] == pytest.approx(together)


@pytest.mark.parametrize("position", [16, 38, 44, 59])
def test_layout_and_pixels_help_to_find_a_copy_without_its_texture(
    built: tuple[Path, object], position: int
) -> None:
    """As a model draws that has learned the shapes of a picture and not yet its texture."""
    index = open_index(built[0])
    (original,) = index.take([CANARIES + position])
    pixels = original.picture().pixels
    smooth = Image.fromarray(cv2.medianBlur(pixels, min(pixels.shape[:2]) // 4 | 1))
    (verdict,) = Detector(index, load_descriptors(index.specs)).detect([smooth])
    assert verdict.label == "memorized"
    match = verdict.matches[0]
    assert match.uri == original.uri
    assert match.distances["shared_region"] == 0, "no points are left to align it"
    (evidence,) = verdict.signals
    assert evidence.memorized is not None
    added = sum(
        weight * max(start - match.distances[name], 0)
        for name, (weight, start) in ADDED_EVIDENCE.items()
        if name in ("structure_and_l2", "pixels")
    )
    assert evidence.distance <= evidence.memorized < evidence.distance + added


def test_a_reference_left_out_is_not_there(index: Index, detector: Detector) -> None:
    """Neither as a match nor in the usual distance of the query."""
    records = index.take([CANARIES, CANARIES + 1])
    queries = [record.picture() for record in records]
    everything = detector.find_matches(queries)
    found = detector.find_matches(queries, [records[0].id, ""])
    assert {match.id for match in everything[0]} - {match.id for match in found[0]} == {
        records[0].id
    }
    relative = {match.id: match.distances["relative_l2"] for match in everything[0]}
    assert all(match.distances["relative_l2"] < relative[match.id] for match in found[0])
    assert found[1] == everything[1]


def test_why_is_one_plain_sentence(index: Index, detector: Detector, cat: Image.Image) -> None:
    only = Detector(
        index,
        detector.descriptors,
        {"phash256": Threshold(similar=70, memorized=50)},
        rates={"similar": 0.01, "memorized": 0.001},
    )
    uri = index.take([CANARIES + 1])[0].uri
    (exact, mirrored) = only.detect([cat, copy(cat, "mirror")])
    assert exact.why == (
        f"phash256 distance 0 to reference {uri} is within the block threshold 50 (FPR 0.001)"
    )
    assert mirrored.why == (
        f"phash256 distance {mirrored.signals[0].distance:.3g} to reference {uri} (mirrored) is "
        "within the block threshold 50 (FPR 0.001)"
    )
    flagging = Detector(
        index, detector.descriptors, {"phash256": Threshold(70, None)}, rates={"similar": 0.01}
    )
    (verdict,) = flagging.detect([cat])
    assert verdict.label == "similar"
    assert 0.5 <= verdict.score < 1
    assert verdict.why.endswith("is within the flag threshold 70 (FPR 0.01)")


def test_without_thresholds_nothing_is_decided(
    index: Index, detector: Detector, cat: Image.Image
) -> None:
    (verdict,) = Detector(index, detector.descriptors, {}).detect([cat])
    assert (verdict.label, verdict.score, verdict.signals) == ("clear", 0.0, ())


def test_a_batch_equals_one_by_one(detector: Detector, photographs: dict[str, Image.Image]) -> None:
    images = [
        photographs["rocket.jpg"],
        copy(photographs["coffee.png"], "mirror"),
        Image.new("RGB", (30, 30)),
        photographs["chelsea.png"].resize((60, 40)),
    ]
    assert detector.detect(images) == [detector.detect([image])[0] for image in images]
    assert detector.detect([]) == []


def test_any_mode_and_shape(detector: Detector, cat: Image.Image) -> None:
    layer = cat.convert("RGBA")
    grey = cat.convert("L")
    strip = cat.resize((3000, 2))
    verdicts = detector.detect([layer, grey, strip, Image.new("1", (1, 1))])
    assert [verdict.label for verdict in verdicts[:2]] == ["memorized", "memorized"]
    assert verdicts[2].label in ("clear", "similar")
    assert verdicts[3].label == "uninformative"


def test_measure_looks_at_every_candidate_in_both_views(
    detector: Detector, cat: Image.Image
) -> None:
    (matches,) = detector.find_matches([Picture(copy(cat, "mirror"))])
    assert sorted(map(stem, matches)) == sorted(Path(name).stem for name in GALLERY)
    assert len({match.id for match in matches}) == len(matches)
    assert (stem(matches[0]), matches[0].view) == ("chelsea", "mirrored")


@pytest.mark.parametrize(("position", "share"), [(40, 0.3), (53, 0.3)])
def test_thorough_finds_insets_that_the_standard_views_do_not_propose(
    built: tuple[Path, object], photographs: dict[str, Image.Image], position: int, share: float
) -> None:
    """A reference in the corner of another photograph."""
    index = open_index(built[0])
    descriptors = load_descriptors(index.specs)
    (original,) = index.take([CANARIES + position])
    picture = photographs["rocket.jpg"].copy()
    side = int(share * min(picture.size))
    with Image.open(original.uri) as image:
        picture.paste(image.resize((side, side)))
    standard, thorough = (
        Detector(index, descriptors, thorough=thorough).detect([picture])[0]
        for thorough in (False, True)
    )
    assert standard.label == "clear"
    assert thorough.label == "memorized"
    assert thorough.matches[0].uri == original.uri


def test_calibrated_thresholds_and_rates_are_used(
    calibrated: Calibrated, photographs: dict[str, Image.Image]
) -> None:
    checker = calibrated_detector(open_index(calibrated.path))
    assert checker.thresholds == calibrated.calibration.thresholds
    names = ["astronaut.png", "rocket.jpg"]
    exact, novel = checker.detect([photographs[name] for name in names])
    assert exact.label == "memorized"
    assert f"(FPR {MEMORIZED:g})" in exact.why
    assert novel.label != "memorized"
