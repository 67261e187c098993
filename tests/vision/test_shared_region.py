"""The region that an aligned query shows again: on photographs, with templates made of them."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from memguard.vision.alignment import align
from memguard.vision.local_features import local_features
from memguard.vision.picture import Picture
from memguard.vision.shared_region import LEAST_EDGE, SharedRegion, find_shared_region

Pixels = NDArray[np.uint8]
SAME_PLACE = np.eye(2, 3)
BY_CHANCE = 6.0
"""Standard deviations that no two of these photographs reach; whole copies reach about 48."""


def found_region(query: Pixels, reference: Pixels) -> SharedRegion:
    alignment = align(local_features(query)[0], local_features(reference)[0])
    assert alignment is not None
    region = find_shared_region(query, reference, alignment.transform)
    assert region is not None
    return region


def pixels_of(image: Image.Image, width: int, height: int) -> Pixels:
    return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BOX))


def shifted(right: float) -> NDArray[np.float64]:
    return np.array([[1, 0, right], [0, 1, 0]], dtype=np.float64)


def test_a_picture_is_seen_again_as_a_whole(astronaut: Pixels) -> None:
    region = found_region(astronaut, astronaut)
    assert region.deviations > 40
    assert region.box == pytest.approx((0, 0, 1, 1), abs=0.01)
    whole = [(0, 0), (1, 0), (1, 1), (0, 1)]
    np.testing.assert_allclose(region.outline, whole, atol=0.01)


def test_a_template_copy_repeats_the_upper_half(astronaut: Pixels, cat: Image.Image) -> None:
    template = astronaut.copy()
    template[128:] = pixels_of(cat, 256, 128)
    region = found_region(template, astronaut)
    assert region.deviations > 25
    left, top, right, bottom = region.box
    assert bottom == pytest.approx(0.5, abs=0.02), "not a row of the other picture"
    assert (left, top) == pytest.approx((0, 0), abs=0.02)
    assert right > 0.8


def test_a_piece_is_found_in_another_picture(astronaut: Pixels, cat: Image.Image) -> None:
    """128 x 128 pixels of the astronaut, 40 to the right and 44 up of their place in it."""
    query = np.array(pixels_of(cat, 256, 170))
    query[20:148, 60:188] = astronaut[64:192, 20:148]
    region = found_region(query, astronaut)
    assert region.deviations > 15
    box = (20 / 256, 64 / 256, 148 / 256, 192 / 256)
    outline = (60 / 256, 20 / 170, 188 / 256, 148 / 170)
    cell = 1 / 8
    assert region.box == pytest.approx(box, abs=cell)
    shown = (*region.outline.min(axis=0), *region.outline.max(axis=0))
    assert shown == pytest.approx(outline, abs=cell * 256 / 170)


def test_the_outline_follows_a_turned_copy(astronaut: Pixels) -> None:
    region = found_region(np.ascontiguousarray(np.rot90(astronaut)), astronaut)
    assert region.deviations > 40
    counterclockwise = [(0, 1), (0, 0), (1, 0), (1, 1)]
    np.testing.assert_allclose(region.outline, counterclockwise, atol=0.02)


def test_changed_tones_do_not_count(astronaut: Pixels) -> None:
    faded = (astronaut * 0.4 + 90).astype(np.uint8)
    region = find_shared_region(faded, astronaut, SAME_PLACE)
    assert region is not None
    assert region.deviations > 40


def test_a_small_copy_laid_over_the_whole(astronaut: Pixels) -> None:
    small = cv2.resize(astronaut, (64, 64), interpolation=cv2.INTER_AREA)
    region = find_shared_region(small, astronaut, SAME_PLACE)
    assert region is not None
    assert region.deviations > 40


def test_unrelated_photographs_agree_by_chance(photographs: dict[str, Image.Image]) -> None:
    pictures = [Picture(image).pixels for image in photographs.values()]
    for query, reference in itertools.permutations(pictures, 2):
        region = find_shared_region(query, reference, SAME_PLACE)
        assert region is not None
        assert region.deviations < BY_CHANCE


def test_a_flat_picture_is_no_evidence(astronaut: Pixels) -> None:
    flat = np.full_like(astronaut, 200)
    for query, reference in ((flat, astronaut), (astronaut, flat), (flat, flat)):
        region = find_shared_region(query, reference, SAME_PLACE)
        assert region is not None
        assert region.deviations == pytest.approx(0, abs=0.01)


def test_a_small_overlap_gives_none(astronaut: Pixels) -> None:
    assert find_shared_region(astronaut, astronaut, shifted(1 - 1.1 * LEAST_EDGE)) is not None
    assert find_shared_region(astronaut, astronaut, shifted(1 - 0.9 * LEAST_EDGE)) is None
    assert find_shared_region(astronaut, astronaut, shifted(1.5)) is None


def test_a_thin_slanted_strip_covers_too_little(astronaut: Pixels) -> None:
    strip = np.ascontiguousarray(astronaut[:6])
    slanted = np.array([[1, -1, 0], [1, 1, 0]], dtype=np.float64) * np.sqrt(0.5)
    assert find_shared_region(strip, astronaut, slanted) is None
