"""Local features, on real photographs: the mirror image's, their bytes, matches and sums."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from memguard.vision.local_features import (
    CENTROIDS,
    DIRECTIONS,
    LEVELS_PER_UNIT,
    MAX_FEATURES,
    POINT_STEP_PX,
    ZERO_LEVEL,
    LocalFeatures,
    basis,
    local_features,
    matches,
    noise_level,
    rootsift,
    shortened,
    vlad,
)

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def features(astronaut: Pixels) -> LocalFeatures:
    return local_features(astronaut)[0]


def few(rows: list[list[int]]) -> LocalFeatures:
    """Features with these leading bytes, elsewhere ZERO_LEVEL."""
    descriptors = np.full((len(rows), DIRECTIONS), ZERO_LEVEL, dtype=np.uint8)
    for i, row in enumerate(rows):
        descriptors[i, : len(row)] = row
    return LocalFeatures(np.zeros((len(rows), 2), dtype=np.float32), descriptors)


def test_features_are_bounded_and_inside_the_picture(
    astronaut: Pixels, features: LocalFeatures
) -> None:
    assert 100 < len(features.points) <= MAX_FEATURES
    assert features.points.shape == (len(features.descriptors), 2)
    assert features.descriptors.shape == (len(features.points), DIRECTIONS)
    height, width, _ = astronaut.shape
    assert (features.points > -1).all()
    assert (features.points < [width, height]).all()


def test_the_mirrored_features_are_those_of_the_mirror_image(astronaut: Pixels) -> None:
    own, derived, _ = local_features(astronaut)
    sought, back, _ = local_features(np.ascontiguousarray(astronaut[:, ::-1]))
    for found, expected in ((derived, sought), (own, back)):
        pairs = matches(found, expected)
        assert len(pairs) > 0.8 * len(own.points)
        apart = np.abs(found.points[pairs[:, 0]] - expected.points[pairs[:, 1]]).max(axis=1)
        assert np.median(apart) < 0.1


def test_the_mirror_image_s_features_do_not_match_the_picture_s(astronaut: Pixels) -> None:
    own, derived, _ = local_features(astronaut)
    assert len(matches(derived, own)) < 0.4 * len(own.points)


def test_the_negative_s_features_are_those_found_on_it(astronaut: Pixels) -> None:
    """Up to the rounding of levels: 298 of 300, most of them equal."""
    own, _, derived = local_features(astronaut)
    sought, _, back = local_features(255 - astronaut)
    for found, expected in ((derived, sought), (own, back)):
        pairs = matches(found, expected)
        assert len(pairs) > 0.95 * len(found.points)
        apart = np.abs(found.points[pairs[:, 0]] - expected.points[pairs[:, 1]]).max(axis=1)
        assert np.percentile(apart, 99) < 0.25
        levels = found.descriptors[pairs[:, 0]].astype(int) - expected.descriptors[pairs[:, 1]]
        assert np.percentile(np.abs(levels).max(axis=1), 95) <= 2


def test_the_negative_s_features_do_not_match_the_picture_s(astronaut: Pixels) -> None:
    own, _, derived = local_features(astronaut)
    assert len(matches(derived, own)) < 0.4 * len(own.points)


def test_bytes_give_the_features_back(features: LocalFeatures) -> None:
    data = features.to_bytes()
    assert len(data) == len(features.points) * (4 + DIRECTIONS) <= 10_800
    again = LocalFeatures.from_bytes(data)
    np.testing.assert_array_equal(again.descriptors, features.descriptors)
    np.testing.assert_allclose(
        again.points, np.maximum(features.points, 0), atol=POINT_STEP_PX / 2 + 1e-6
    )
    assert again.to_bytes() == data


def test_no_features_are_no_bytes() -> None:
    none, *_ = local_features(np.full((100, 100, 3), 200, dtype=np.uint8))
    assert none.to_bytes() == b""
    assert LocalFeatures.from_bytes(b"").points.shape == (0, 2)
    assert LocalFeatures.from_bytes(b"").descriptors.shape == (0, DIRECTIONS)
    assert not vlad(none).any()
    assert matches(none, none).shape == (0, 2)


def test_rootsift_descriptors_have_length_one(astronaut: Pixels) -> None:
    descriptors = rootsift(astronaut)
    assert descriptors.shape[1] == 128
    np.testing.assert_allclose(np.linalg.norm(descriptors, axis=1), 1, atol=1e-3)


def test_bytes_are_the_components_in_the_principal_directions(
    astronaut: Pixels, features: LocalFeatures
) -> None:
    known = basis()
    assert known.mean.shape == (128,)
    np.testing.assert_allclose(known.basis @ known.basis.T, np.eye(DIRECTIONS), atol=0.01)
    assert known.centroids.shape == (CENTROIDS, DIRECTIONS)
    exact = shortened(rootsift(astronaut), known.mean, known.basis)
    levels = (features.descriptors.astype(float) - ZERO_LEVEL) / LEVELS_PER_UNIT
    inside = np.abs(exact) < 0.63
    assert inside.mean() > 0.999
    assert np.abs(levels - exact)[inside].max() <= 0.5 / LEVELS_PER_UNIT + 1e-5


def test_shortening_keeps_distances(astronaut: Pixels, coffee: Pixels) -> None:
    """Principal directions: most of the distance between two features lies in them."""
    left, right = rootsift(astronaut), rootsift(coffee)
    whole = np.linalg.norm(left[:, None] - right, axis=2)
    mean, directions = basis().mean, basis().basis
    short = np.linalg.norm(
        shortened(left, mean, directions)[:, None] - shortened(right, mean, directions), axis=2
    )
    assert (short <= whole + 1e-3).all()
    assert np.corrcoef(short.ravel(), whole.ravel())[0, 1] > 0.85


def test_matches_by_hand() -> None:
    query = few([[100], [200], [0, 0, 0, 90]])
    reference = few([[201], [103], [255, 255, 255, 255], [0, 0, 0, 94]])
    assert matches(query, reference).tolist() == [[0, 1], [1, 0], [2, 3]]


def test_two_equally_near_features_are_no_match() -> None:
    assert matches(few([[100], [250]]), few([[101], [99]])).tolist() == []


def test_a_match_is_mutual() -> None:
    """Both queries are nearest to the same reference, which is nearest to the second."""
    assert matches(few([[100], [109]]), few([[110], [250]])).tolist() == [[1, 0]]


def test_one_feature_alone_passes_no_ratio_test() -> None:
    assert matches(few([[100]]), few([[100]])).shape == (0, 2)


def test_vlad_by_hand() -> None:
    """Two features on one side of a centroid, and one at another centroid's other side."""
    nearby = np.rint(basis().centroids[:2] * LEVELS_PER_UNIT) + ZERO_LEVEL
    levels = np.stack([nearby[0], nearby[0], nearby[1]])
    levels[[0, 1], 0] += 9
    levels[2, 1] -= 9
    features = LocalFeatures(np.zeros((3, 2), np.float32), levels.astype(np.uint8))
    exact = (features.descriptors.astype(float) - ZERO_LEVEL) / LEVELS_PER_UNIT
    expected = np.zeros((CENTROIDS, DIRECTIONS))
    for descriptor in exact:
        gaps = descriptor - basis().centroids
        lengths = np.linalg.norm(gaps, axis=1)
        expected[lengths.argmin()] += gaps[lengths.argmin()] / lengths.min()
    expected = np.sign(expected) * np.sqrt(np.abs(expected))
    expected = (expected / np.linalg.norm(expected)).reshape(-1)
    np.testing.assert_allclose(vlad(features), expected, atol=1e-4)
    assert set(np.nonzero(expected)[0] // DIRECTIONS) == {0, 1}


def test_vlad_of_a_crop_is_nearer_than_that_of_another_photograph(
    astronaut: Pixels, coffee: Pixels
) -> None:
    crop, whole, other = (
        vlad(local_features(np.ascontiguousarray(pixels))[0])
        for pixels in (astronaut[60:, 60:], astronaut, coffee)
    )
    assert float(crop @ whole) > float(crop @ other) + 0.1


@pytest.mark.parametrize("sigma", [10, 30, 60])
def test_noise_level(astronaut: Pixels, sigma: int) -> None:
    plane = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
    noise = np.random.default_rng(0).normal(0, sigma, plane.shape)
    soft = cv2.GaussianBlur(plane, (0, 0), 2).astype(np.float64)
    middle = 128 + (soft - 128) / 4  # so that hardly a level is clipped
    noisy = np.clip(middle + noise, 0, 255).astype(np.uint8)
    assert noise_level(noisy) == pytest.approx(sigma, rel=0.15)


def test_a_noisy_picture_matches_its_original(astronaut: Pixels, features: LocalFeatures) -> None:
    noise = np.random.default_rng(0).normal(0, 60, astronaut.shape)
    noisy, *_ = local_features(np.clip(astronaut + noise, 0, 255).astype(np.uint8))
    pairs = matches(noisy, features)
    apart = np.abs(noisy.points[pairs[:, 0]] - features.points[pairs[:, 1]]).max(axis=1)
    assert (apart < 4).sum() > 10
