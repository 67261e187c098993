"""Where a query shows a reference again: known places, in every view."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from fixtures.picture_files import blobs
from PIL import Image, ImageOps

from memguard.detection.picture_pair import PicturePair
from memguard.detection.seen_again import region_seen_again
from memguard.detection.verification import verify
from memguard.detection.views import view_of
from memguard.verdict import Match, Region, View
from memguard.vision.picture import Picture

INSET = (300, 40, 525, 190)
"""Of the cat in the picture of a rocket, in pixels."""


def seen(query: Image.Image, reference: Image.Image, view: View = "as is") -> Region | None:
    shown = view_of(Picture(query), view)
    assert shown is not None
    match = Match("id", "uri", view, verify(PicturePair(shown, Picture(reference))))
    return region_seen_again(Picture(query), match, Picture(reference))


def box(corners: tuple[tuple[float, float], ...]) -> list[float]:
    points = np.array(corners)
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


@pytest.fixture(scope="module")
def inset(photographs: dict[str, Image.Image]) -> Image.Image:
    picture = photographs["rocket.jpg"].copy()
    size = (INSET[2] - INSET[0], INSET[3] - INSET[1])
    picture.paste(photographs["chelsea.png"].resize(size), INSET[:2])
    return picture


@pytest.mark.parametrize("view", ["as is", "mirrored", "inverted"])
def test_an_inset_is_found_where_it_lies(inset: Image.Image, cat: Image.Image, view: View) -> None:
    turn = {"as is": Image.Image.copy, "mirrored": ImageOps.mirror, "inverted": ImageOps.invert}
    region = seen(turn[view](inset), cat, view)
    assert region is not None
    place = np.array(INSET) / (inset.size * 2)
    if view == "mirrored":
        place[[0, 2]] = 1 - place[[2, 0]]
    assert box(region.query) == pytest.approx(place.tolist(), abs=0.02)
    assert box(region.reference) == pytest.approx([0, 0, 1, 1], abs=0.02)
    assert region.share_of_reference == pytest.approx(1, abs=0.03)
    assert region.share_of_query == pytest.approx(np.prod(place[2:] - place[:2]), rel=0.1)


def test_a_turned_crop_shows_at_least_an_upright_rectangle_of_it(cat: Image.Image) -> None:
    region = seen(cat.crop((100, 50, 350, 250)).rotate(10, expand=True), cat)
    assert region is not None
    assert 0.2 < region.share_of_reference < 250 * 200 / (451 * 300)
    assert len(region.query) == len(region.reference)
    assert region.query[0][1] > region.query[1][1]  # counterclockwise: the right side is higher


def test_the_part_of_a_template_that_is_repeated(
    photographs: dict[str, Image.Image], cat: Image.Image
) -> None:
    """Less than half of the cat is left; the rest is another photograph."""
    template = cat.copy()
    template.paste(photographs["rocket.jpg"].resize((250, 300)), (0, 0))
    region = seen(template, cat)
    assert region is not None
    assert region.share_of_reference == pytest.approx(0.4, abs=0.06)
    assert box(region.query)[0] == pytest.approx(0.6, abs=0.06)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_drawing_without_features_is_seen_again_as_a_whole(turned: int) -> None:
    query = blobs().rotate(360 - turned, expand=True)
    region = seen(query, blobs(), f"turned {turned}")  # type: ignore[arg-type]
    assert region is not None
    assert (region.share_of_reference, region.share_of_query) == (1, 1)
    assert set(region.query) == {(0, 0), (1, 0), (1, 1), (0, 1)}


def test_a_drawing_in_a_frame_ends_where_the_frame_begins() -> None:
    framed = ImageOps.expand(blobs(), 30, fill=(20, 160, 60))
    region = seen(framed, blobs(), "unletterboxed")
    assert region is not None
    wide, tall = framed.size
    expected = [30 / wide, 30 / tall, 1 - 30 / wide, 1 - 30 / tall]
    assert box(region.query) == pytest.approx(expected, abs=0.02)


def test_what_is_not_alike_has_no_region(photographs: dict[str, Image.Image]) -> None:
    names = list(photographs)
    for name, other in itertools.pairwise(names):
        assert seen(photographs[name], photographs[other]) is None
    assert seen(blobs(), photographs["rocket.jpg"]) is None


def test_a_view_that_the_query_does_not_have(cat: Image.Image) -> None:
    match = Match("id", "uri", "as is", verify(PicturePair(Picture(cat), Picture(cat))))
    gone = dataclasses.replace(match, view="unletterboxed")
    assert region_seen_again(Picture(cat), gone, Picture(cat)) is None
