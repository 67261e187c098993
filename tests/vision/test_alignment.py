"""Alignments that local features give, and the correlations there, on real photographs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from memguard.vision.alignment import Alignment, align, aligned_correlation, grey
from memguard.vision.local_features import FEATURE_EDGE_PX, local_features

Pixels = NDArray[np.uint8]


def aligned(query: Pixels, reference: Pixels) -> Alignment | None:
    return align(local_features(query)[0], local_features(reference)[0])


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


def test_different_photographs_do_not_align(astronaut: Pixels, coffee: Pixels) -> None:
    found = aligned(coffee, astronaut)
    if found is not None:
        agreement, _ = aligned_correlation(grey(coffee), grey(astronaut), found.transform)
        assert agreement < 0.5


def test_a_blank_picture_aligns_with_nothing(astronaut: Pixels) -> None:
    assert aligned(np.full((256, 256, 3), 200, dtype=np.uint8), astronaut) is None
