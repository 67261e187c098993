"""Local features and the alignments they give, on real photographs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from memguard.alignment import (
    align,
    aligned_correlation,
    coarse_structure,
    correlation,
    fine_structure,
    grey,
)
from memguard.local_features import (
    EDGE,
    LocalFeatures,
    local_features,
    matches,
    noise_level,
    unit_descriptors,
    vlad,
)

Picture = NDArray[np.uint8]


def small(picture: Picture, edge: int = EDGE) -> Picture:
    scale = edge / max(picture.shape[:2])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="module")
def astronaut() -> Picture:
    return small(skimage.data.astronaut())


@pytest.fixture(scope="module")
def coffee() -> Picture:
    return small(skimage.data.coffee())


def test_the_mirrored_features_are_those_of_the_mirror_image(astronaut: Picture) -> None:
    features = local_features(astronaut)
    derived = features.mirrored()
    sought = local_features(np.ascontiguousarray(astronaut[:, ::-1]))
    pairs = matches(derived, sought)
    assert len(pairs) > 0.8 * len(features.points)
    apart = np.abs(derived.points[pairs[:, 0]] - sought.points[pairs[:, 1]]).max(axis=1)
    assert np.median(apart) < 0.1


def test_mirroring_twice_gives_the_features_back(astronaut: Picture) -> None:
    features = local_features(astronaut)
    twice = features.mirrored().mirrored()
    assert np.array_equal(twice.descriptors, features.descriptors)
    assert np.allclose(twice.points, features.points, atol=1e-3)


def test_align_recovers_a_crop(astronaut: Picture) -> None:
    crop = cv2.resize(astronaut[40:180, 20:160], (224, 224), interpolation=cv2.INTER_CUBIC)
    found = align(local_features(crop), local_features(astronaut), (224, 224))
    assert found is not None
    assert found.inliers >= 20
    side = 140 / 224
    expected = np.array([[side, 0, 20 / 224], [0, side, 40 / 224]])
    assert found.transform == pytest.approx(expected, abs=0.01)
    agreement, overlap = aligned_correlation(grey(crop), grey(astronaut), found.transform)
    assert agreement > 0.9
    assert overlap == pytest.approx(side**2, abs=0.05)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_align_finds_quarter_turns(astronaut: Picture, turns: int) -> None:
    turned = np.ascontiguousarray(np.rot90(astronaut, turns))
    found = align(local_features(turned), local_features(astronaut), (224, 224))
    assert found is not None
    agreement, _ = aligned_correlation(grey(turned), grey(astronaut), found.transform)
    assert agreement > 0.9


def test_different_photographs_do_not_align(astronaut: Picture, coffee: Picture) -> None:
    found = align(local_features(coffee), local_features(astronaut), (224, 224))
    if found is not None:
        agreement, _ = aligned_correlation(grey(coffee), grey(astronaut), found.transform)
        assert agreement < 0.5


def test_a_blank_picture_has_no_features_and_aligns_with_nothing(astronaut: Picture) -> None:
    blank = local_features(np.full((224, 224, 3), 200, dtype=np.uint8))
    assert len(blank.points) == 0
    assert align(blank, local_features(astronaut), (224, 224)) is None
    assert not vlad(blank, np.eye(4, 128, dtype=np.float32)).any()


def test_vlad_sums_directions_and_takes_square_roots() -> None:
    descriptors = np.zeros((3, 128), dtype=np.uint8)
    descriptors[[0, 1], 0] = 200
    descriptors[2, 1] = 200
    features = LocalFeatures(np.zeros((3, 2), dtype=np.float32), descriptors, width=10)
    codebook = np.zeros((2, 128), dtype=np.float32)
    codebook[1, 5] = 9
    vector = vlad(features, codebook)
    expected = np.zeros(256)
    expected[:2] = np.sqrt([2, 1]) / np.sqrt(3)
    assert vector == pytest.approx(expected, abs=1e-6)


def test_vlad_of_a_crop_is_nearer_than_that_of_another_photograph(
    astronaut: Picture, coffee: Picture
) -> None:
    whole, other = local_features(astronaut), local_features(coffee)
    crop = local_features(np.ascontiguousarray(astronaut[40:, 40:]))
    codebook = np.concatenate([unit_descriptors(whole)[:32], unit_descriptors(other)[:32]])
    near, far = (float(vlad(crop, codebook) @ vlad(of, codebook)) for of in (whole, other))
    assert near > far + 0.1


def test_noise_level(astronaut: Picture) -> None:
    plane = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
    noise = np.random.default_rng(0).normal(0, 30, plane.shape)
    soft = cv2.GaussianBlur(plane, (0, 0), 2).astype(np.float64)
    noisy = np.clip(soft + noise, 0, 255).astype(np.uint8)
    assert noise_level(noisy) == pytest.approx(30, rel=0.15)


def test_correlation_by_hand() -> None:
    left = np.array([[0, 1, 2, 9]], dtype=np.float32)
    right = np.array([[1, 3, 2, 5]], dtype=np.float32)
    mask = np.array([[1, 1, 1, 0]], dtype=np.float32)
    assert correlation(left, right, mask) == pytest.approx(0.5)
    assert correlation(left, np.full_like(right, 3), mask) == 0


def test_structure_survives_tones_and_noise_but_not_other_pictures(
    astronaut: Picture, coffee: Picture
) -> None:
    darker = np.asarray(astronaut // 2 + 20, dtype=np.uint8)
    noise = np.random.default_rng(0).normal(0, 60, astronaut.shape)
    noisy = np.clip(astronaut + noise, 0, 255).astype(np.uint8)
    assert fine_structure(darker) @ fine_structure(astronaut) > 0.98
    assert coarse_structure(noisy) @ coarse_structure(astronaut) > 0.9
    for describe in (fine_structure, coarse_structure):
        assert np.linalg.norm(describe(astronaut)) == pytest.approx(1)
        assert describe(coffee) @ describe(astronaut) < 0.4
