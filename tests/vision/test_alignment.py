"""Alignments that local features give, and the correlations there, on real photographs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from memguard.vision.alignment import (
    FEATURE_EDGE,
    Alignment,
    align,
    aligned_correlation,
    coarse_structure,
    correlation,
    grey,
    small_square,
)
from memguard.vision.local_features import local_features

Pixels = NDArray[np.uint8]


def aligned(query: Pixels, reference: Pixels) -> Alignment | None:
    return align(local_features(query)[0], local_features(reference)[0])


def test_align_recovers_a_crop(astronaut: Pixels) -> None:
    crop = cv2.resize(astronaut[45:205, 20:180], (FEATURE_EDGE,) * 2, interpolation=cv2.INTER_CUBIC)
    found = aligned(crop, astronaut)
    assert found is not None
    assert found.inliers >= 20
    side = 160 / FEATURE_EDGE
    expected = np.array([[side, 0, 20 / FEATURE_EDGE], [0, side, 45 / FEATURE_EDGE]])
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


def test_different_photographs_do_not_align(astronaut: Pixels, coffee: Pixels) -> None:
    found = aligned(coffee, astronaut)
    if found is not None:
        agreement, _ = aligned_correlation(grey(coffee), grey(astronaut), found.transform)
        assert agreement < 0.5


def test_a_blank_picture_aligns_with_nothing(astronaut: Pixels) -> None:
    assert aligned(np.full((256, 256, 3), 200, dtype=np.uint8), astronaut) is None


def test_correlation_by_hand() -> None:
    left = np.array([[0, 1, 2, 9]], dtype=np.float32)
    right = np.array([[1, 3, 2, 5]], dtype=np.float32)
    mask = np.array([[1, 1, 1, 0]], dtype=np.float32)
    assert correlation(left, right, mask) == pytest.approx(0.5)
    assert correlation(left, np.full_like(right, 3), mask) == 0


def test_structure_survives_tones_and_noise_but_not_other_pictures(
    astronaut: Pixels, coffee: Pixels
) -> None:
    darker = small_square(np.asarray(astronaut // 2 + 20, dtype=np.uint8))
    noise = np.random.default_rng(0).normal(0, 60, astronaut.shape)
    noisy = small_square(np.clip(astronaut + noise, 0, 255).astype(np.uint8))
    original, other = small_square(astronaut), small_square(coffee)
    assert coarse_structure(darker) @ coarse_structure(original) > 0.98
    assert coarse_structure(noisy) @ coarse_structure(original) > 0.9
    assert np.linalg.norm(coarse_structure(original)) == pytest.approx(1)
    assert coarse_structure(other) @ coarse_structure(original) < 0.4
