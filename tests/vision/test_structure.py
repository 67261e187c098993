"""Structure and its correlation, on photographs and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from memguard.vision.structure import (
    SIDE_PX,
    Scale,
    coarse_structure,
    correlation,
    small_square,
    structure,
)

Pixels = NDArray[np.uint8]


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


def test_a_flat_picture_has_no_structure() -> None:
    assert not coarse_structure(np.full((SIDE_PX, SIDE_PX, 3), 0.4, np.float32)).any()


def test_weak_texture_counts_as_much_as_strong() -> None:
    """Stripes, one half of them ten times fainter: with no floor both halves weigh the same."""
    stripes = np.tile(np.where(np.arange(SIDE_PX) // 4 % 2, 1.0, -1.0), (SIDE_PX, 1))
    stripes[:, : SIDE_PX // 2] /= 10
    square = np.repeat((0.5 + 0.3 * stripes)[..., None], 3, axis=2).astype(np.float32)
    energy = np.square(
        structure(square, Scale(blur=0, window=4, floor=0)).reshape(SIDE_PX, SIDE_PX, 3)
    )
    assert energy[:, 4:24].sum() == pytest.approx(energy[:, 40:60].sum(), rel=0.2)
    assert energy.sum() == pytest.approx(1, abs=1e-4)
