"""Screening: the same verdicts as by the full comparison, with fewer pixels."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.detection.picture_pair import PicturePair
from memguard.detection.screening import may_screen, screen
from memguard.detection.signals import L2, CopyEvidence, SharedRegion, Structure
from memguard.detection.verification import relate, verify
from memguard.index.open import open_index
from memguard.signal_type import Threshold
from memguard.verdict import Verdict
from memguard.vision.picture import Picture
from memguard.vision.transforms import SIMULATED_COPIES


@pytest.fixture(scope="module")
def detector(built: tuple[Path, object]) -> Detector:
    """Of 60 cuts of photographs, with the default thresholds."""
    index = open_index(built[0])
    return Detector(index, load_descriptors(index.specs))


def in_full(detector: Detector, image: Image.Image) -> Verdict:
    picture = Picture(image)
    (matches,) = detector.find_matches([picture])
    return detector.judge(picture, matches)


def without_distances(verdict: Verdict) -> Verdict:
    matches = tuple(dataclasses.replace(match, distances={}) for match in verdict.matches)
    return dataclasses.replace(verdict, matches=matches)


def require_equal(detector: Detector, image: Image.Image) -> str:
    """The label, and nothing but distances that a clear verdict leaves out may differ."""
    (found,), full = detector.detect([image]), in_full(detector, image)
    assert without_distances(found) == without_distances(full)
    for one, other in zip(found.matches, full.matches, strict=True):
        assert one.distances.items() <= other.distances.items()
        assert found.label == "clear" or one.distances == other.distances
    return found.label


@pytest.mark.parametrize("thorough", [False, True])
def test_verdicts_equal_those_of_the_full_comparison(
    detector: Detector, photographs: dict[str, Image.Image], thorough: bool
) -> None:
    """Whole photographs, of which the references are cuts, and copies of some references."""
    checker = Detector(detector.index, detector.descriptors, thorough=thorough)
    rng = np.random.default_rng(0)
    rows = detector.index.sample(len(SIMULATED_COPIES), rng)
    references = [record.image() for record in detector.index.take(rows)]
    copies = [
        transform(image, rng)
        for image, transform in zip(references, SIMULATED_COPIES.values(), strict=True)
    ]
    novel = list(photographs.values())[:: 3 if thorough else 1]
    labels = [
        require_equal(checker, image) for image in [*(copies[::3] if thorough else copies), *novel]
    ]
    assert labels.count("memorized") > len(labels) / 3
    assert labels.count("clear") > 0


def test_several_threads_give_the_same_verdicts_in_order(
    detector: Detector, photographs: dict[str, Image.Image]
) -> None:
    """Of a batch of novel images, a copy and a blank one."""
    (row,) = detector.index.sample(1, np.random.default_rng(0))
    copied = detector.index.take([row])[0].image()
    images = [*list(photographs.values())[:3], copied, Image.new("RGB", (64, 64))]
    checker = Detector(detector.index, detector.descriptors, threads=3)
    verdicts = checker.detect(images)
    assert verdicts == [verdict for image in images for verdict in detector.detect([image])]
    assert [one.label for one in verdicts[3:]] == ["memorized", "uninformative"]


def test_pixels_are_decoded_only_of_aligned_and_near_references(
    detector: Detector, photographs: dict[str, Image.Image]
) -> None:
    query = Picture(photographs["rocket.jpg"])
    rows = detector.index.sample(60, np.random.default_rng(0))
    pairs = [PicturePair(query, one.picture()) for one in detector.index.take(rows)]
    screen(pairs, [{}] * len(pairs), [True] * len(pairs))
    decoded = [pair for pair in pairs if "levels" in vars(pair.reference)]
    assert len(decoded) < len(pairs) / 2
    assert {id(pair) for pair in pairs if pair.alignment is not None} <= set(map(id, decoded))


@pytest.mark.parametrize("exempt", [False, True])
def test_the_evidence_of_near_layouts_is_that_of_the_full_comparison(
    detector: Detector, exempt: bool
) -> None:
    """The relative l2 depends on all candidates that count."""
    rng = np.random.default_rng(1)
    references = [one.picture() for one in detector.index.take(detector.index.sample(60, rng))]
    query = Picture(SIMULATED_COPIES["diffusion-like"](references[0].image, rng))
    pairs = [PicturePair(query, reference) for reference in references]
    counts = [not exempt or at % 2 == 0 for at in range(len(pairs))]
    found = screen(pairs, [{}] * len(pairs), counts)
    full = [verify(pair) for pair in pairs]
    relate(full)
    relate([measured for measured, one in zip(full, counts, strict=True) if one])
    assert found[0]["copy_evidence"] < CopyEvidence.default.memorized
    assert {"l2", "structure_and_l2"} <= found[0].keys()
    for one, other in zip(found, full, strict=True):
        assert one.items() <= other.items()


def test_references_without_a_stored_layout_give_the_same(
    detector: Detector, photographs: dict[str, Image.Image]
) -> None:
    query = Picture(photographs["rocket.jpg"])
    records = detector.index.take(detector.index.sample(20, np.random.default_rng(0)))
    stored, bare = (
        screen(
            [PicturePair(query, reference) for reference in references],
            [{}] * len(records),
            [True] * len(records),
        )
        for references in (
            [record.picture() for record in records],
            [Picture(record.image(), record.picture().features) for record in records],
        )
    )
    assert stored == bare


def test_thresholds_of_other_signals_of_pictures_need_the_full_comparison(
    detector: Detector, photographs: dict[str, Image.Image]
) -> None:
    assert may_screen(["copy_evidence", "phash256"])
    assert not may_screen(["copy_evidence", "l2"])
    limits = {"l2": Threshold(0.02, 0.01), CopyEvidence.name: CopyEvidence.default}
    checker = Detector(detector.index, detector.descriptors, limits)
    (verdict,) = checker.detect([photographs["rocket.jpg"]])
    assert {"l2", "structure_and_l2"} <= verdict.matches[0].distances.keys()


def test_a_damaged_layout_hides_nothing(cat: Image.Image) -> None:
    """Not even one that makes the bound NaN."""
    reference = Picture(cat)
    reference.layout = dataclasses.replace(reference.layout, unit=math.nan)
    (found,) = screen([PicturePair(Picture(cat), reference)], [{}], [True])
    assert found["structure"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("signal", [SharedRegion, Structure, L2])
def test_a_signal_that_measures_nan_is_an_error(
    detector: Detector, monkeypatch: pytest.MonkeyPatch, signal: type
) -> None:
    """NaN is within no threshold: the copy would be clear."""
    (row,) = detector.index.sample(1, np.random.default_rng(0))
    image = detector.index.take([row])[0].image()
    assert detector.detect([image])[0].label == "memorized"
    monkeypatch.setattr(signal, "measure", lambda _, pair: math.nan)
    with pytest.raises(ValueError, match="measured NaN"):
        detector.detect([image])
