"""Alignments that local features give, and the correlations there, on real photographs."""

from __future__ import annotations

import itertools
import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from memguard.vision.alignment import (
    CHANCE,
    MIN_INLIERS,
    Alignment,
    align,
    aligned_correlation,
    grey,
)
from memguard.vision.local_features import (
    DIRECTIONS,
    FEATURE_EDGE_PX,
    LocalFeatures,
    local_features,
    matches,
)
from memguard.vision.picture import Picture

Pixels = NDArray[np.uint8]


def aligned(query: Pixels, reference: Pixels) -> Alignment | None:
    return align(local_features(query)[0], local_features(reference)[0])


def squeezed(picture: Pixels) -> Pixels:
    """A square picture at half its width."""
    return cv2.resize(picture, (128, 256), interpolation=cv2.INTER_AREA).astype(np.uint8)


def surprise(count: int, agreeing: int, freedom: int) -> float:
    """The formula in the module's docstring, in whole numbers."""
    alarms = (count - freedom) * math.comb(count, agreeing) * math.comb(agreeing, freedom)
    return -math.log10(alarms) - (agreeing - freedom) * math.log10(CHANCE)


def test_align_recovers_a_crop(astronaut: Pixels) -> None:
    crop = cv2.resize(
        astronaut[45:205, 20:180], (FEATURE_EDGE_PX,) * 2, interpolation=cv2.INTER_CUBIC
    )
    found = aligned(crop, astronaut)
    assert found is not None
    assert found.inliers >= 20
    side = 160 / FEATURE_EDGE_PX
    expected = np.array([[side, 0, 20 / FEATURE_EDGE_PX], [0, side, 45 / FEATURE_EDGE_PX]])
    assert found.transform == pytest.approx(expected, abs=0.01)
    agreement, overlap = aligned_correlation(grey(crop), grey(astronaut), found.transform)
    assert agreement > 0.9
    assert overlap == pytest.approx(side**2, abs=0.05)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_align_finds_quarter_turns(astronaut: Pixels, turns: int) -> None:
    turned = np.ascontiguousarray(np.rot90(astronaut, turns))
    found = aligned(turned, astronaut)
    assert found is not None
    agreement, _ = aligned_correlation(grey(turned), grey(astronaut), found.transform)
    assert agreement > 0.9


def test_align_undoes_a_squeeze(astronaut: Pixels) -> None:
    """Longer edges are the units: the squeezed picture is 0.5 wide, the reference 1."""
    query = squeezed(astronaut)
    found = aligned(query, astronaut)
    assert found is not None
    assert found.inliers >= 20
    np.testing.assert_allclose(found.transform, [[2, 0, 0], [0, 1, 0]], atol=0.03)
    agreement, overlap = aligned_correlation(grey(query), grey(astronaut), found.transform)
    assert agreement > 0.9
    assert overlap > 0.9


def test_an_affine_fit_mirrors_points(astronaut: Pixels) -> None:
    """No shift, scale and rotation does."""
    features = local_features(astronaut)[0]
    points = features.points * np.float32([-1, 1]) + np.float32([255, 0])
    found = align(LocalFeatures(points, features.descriptors), features)
    assert found is not None
    assert found.inliers > 200
    expected = [[-1, 0, 255 / FEATURE_EDGE_PX], [0, 1, 0]]
    np.testing.assert_allclose(found.transform, expected, atol=1e-3)


@pytest.mark.parametrize(("squeeze", "freedom"), [(False, 2), (True, 3)])
def test_surprise_is_the_formula_s(astronaut: Pixels, squeeze: bool, freedom: int) -> None:
    """Two matches determine a similarity transform, three an affine one."""
    query = squeezed(astronaut) if squeeze else np.ascontiguousarray(astronaut[40:216, 30:206])
    one, other = local_features(query)[0], local_features(astronaut)[0]
    found = align(one, other)
    assert found is not None
    count = len(matches(one, other))
    assert found.surprise == pytest.approx(surprise(count, found.inliers, freedom))
    assert found.surprise > 16


@pytest.mark.parametrize("freedom", [2, 3])
@pytest.mark.parametrize("count", [12, 20, 30, 50])
def test_fewer_matches_than_chance_brings_are_no_alignment(freedom: int, count: int) -> None:
    """So many of the matches are shifted alike, or squeezed alike; the others are random."""
    rng = np.random.default_rng(count)
    descriptors = rng.integers(0, 256, (count, DIRECTIONS), dtype=np.uint8)
    here, there = rng.uniform(0, 255, (2, count, 2)).astype(np.float32)
    alike = here * np.float32([1, 1] if freedom == 2 else [1, 0.4]) + np.float32([3, 5])

    def found(agreeing: int) -> Alignment | None:
        points = np.vstack([alike[:agreeing], there[agreeing:]])
        return align(LocalFeatures(here, descriptors), LocalFeatures(points, descriptors))

    fewest = next(k for k in range(MIN_INLIERS, count) if surprise(count, k, freedom) >= 0)
    least, enough = found(MIN_INLIERS - 1), found(fewest + 2)
    assert least is None or least.surprise >= 0
    assert enough is not None
    assert enough.inliers >= fewest
    np.testing.assert_allclose(enough.transform[:, 2] * FEATURE_EDGE_PX, [3, 5], atol=2)


def test_different_photographs_do_not_align(photographs: dict[str, Image.Image]) -> None:
    """One false alarm in as many pairs would be as expected."""
    features = [Picture(image).features for image in photographs.values()]
    found = [align(one, other) for one, other in itertools.combinations(features, 2)]
    assert sum(one is not None for one in found) < len(found) / 10
    assert all(one.surprise < 3 for one in found if one is not None)


def test_a_blank_picture_aligns_with_nothing(astronaut: Pixels) -> None:
    assert aligned(np.full((256, 256, 3), 200, dtype=np.uint8), astronaut) is None
