"""The pixel distances, each against a value worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from memguard.vision.picture import Picture
from memguard.vision.pixel_distances import (
    l2,
    masked_tiled_l2,
    match_tones,
    relative_l2,
    tile_l2,
    tiled_l2,
)


def flat(level: float, side: int = 8) -> NDArray[np.float32]:
    return np.full((side, side, 3), level, dtype=np.float32)


@pytest.fixture
def astronaut() -> NDArray[np.float32]:
    return Picture(Image.fromarray(skimage.data.astronaut())).square


@pytest.fixture
def coffee() -> NDArray[np.float32]:
    return Picture(Image.fromarray(skimage.data.coffee())).square


def test_l2_is_the_root_of_the_mean_squared_difference() -> None:
    candidates = np.stack([flat(0.5), flat(0.2), flat(1.0)])
    assert l2(flat(0.5), candidates) == pytest.approx([0, 0.3, 0.5])


def test_l2_of_one_changed_channel() -> None:
    changed = flat(0.0)
    changed[..., 0] = 0.6
    assert l2(flat(0.0), changed[None]) == pytest.approx([0.6 / np.sqrt(3)])


def test_l2_runs_from_black_to_white() -> None:
    assert l2(flat(0.0), flat(1.0)[None]) == pytest.approx([1.0])


def test_tile_l2_places_a_difference_in_its_tile() -> None:
    candidate = flat(0.0)
    candidate[2:4, 6:8] = 0.4
    tiles = tile_l2(flat(0.0), candidate[None])
    assert tiles.shape == (1, 4, 4)
    assert tiles[0, 1, 3] == pytest.approx(0.4)
    assert np.count_nonzero(tiles) == 1


def test_tiled_l2_sees_what_a_shared_background_hides() -> None:
    candidate = flat(0.0)
    candidate[2:4, 6:8] = 0.4
    assert l2(flat(0.0), candidate[None]) == pytest.approx([0.4 / 4])
    assert tiled_l2(flat(0.0), candidate[None]) == pytest.approx([0.4])


def test_tiles_must_fit() -> None:
    with pytest.raises(ValueError, match="10 x 10 pixels do not divide into 4 x 4 tiles"):
        tiled_l2(flat(0, side=10), flat(0, side=10)[None])


def test_masked_tiled_l2_leaves_the_changed_region_out(
    astronaut: NDArray[np.float32], coffee: NDArray[np.float32]
) -> None:
    template = astronaut.copy()
    template[32:96, 64:96] = coffee[32:96, 64:96]
    distances, masks = masked_tiled_l2(template, np.stack([astronaut, coffee]), kept=14)
    assert distances[0] == 0
    assert distances[1] > 0.1
    assert np.argwhere(~masks[0]).tolist() == [[1, 2], [2, 2]]


def test_masked_tiled_l2_is_the_kept_th_smallest_tile() -> None:
    levels = np.arange(16, dtype=np.float32).reshape(4, 4) / np.float32(20)
    candidate = np.repeat(np.repeat(levels, 2, axis=0), 2, axis=1)[..., None].repeat(3, axis=2)
    distances, masks = masked_tiled_l2(flat(0.0), candidate[None], kept=12)
    assert distances == pytest.approx([11 / 20])
    assert masks[0].sum() == 12


def test_relative_l2_divides_by_half_the_mean_of_the_50_nearest() -> None:
    to_nearest = np.concatenate([np.full(50, 0.4), np.full(10, 9.0)]).astype(np.float32)
    assert relative_l2(np.array([0.1], dtype=np.float32), to_nearest[::-1]) == pytest.approx(
        [0.1 / (0.5 * 0.4)]
    )


def test_relative_l2_of_an_index_of_equal_pictures_is_finite() -> None:
    assert relative_l2(
        np.array([0.0], dtype=np.float32), np.zeros(3, dtype=np.float32)
    ) == pytest.approx([0])


def test_matched_tones_undo_brightness_contrast_and_colour(
    astronaut: NDArray[np.float32],
) -> None:
    recoloured = astronaut * np.array([0.5, 0.8, 1.2], dtype=np.float32) + np.array(
        [0.3, 0.1, -0.1], dtype=np.float32
    )
    assert l2(astronaut, recoloured[None]) > 0.1
    assert l2(astronaut, match_tones(astronaut, recoloured[None])) < 1e-4


def test_matched_tones_do_not_invent_a_copy(
    astronaut: NDArray[np.float32], coffee: NDArray[np.float32]
) -> None:
    assert l2(astronaut, match_tones(astronaut, coffee[None])) > 0.15
