"""Views of a query: on a photograph, and on a drawing that has hardly any local features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.picture_files import blobs
from PIL import Image, ImageOps

from memguard.descriptors import weightless_descriptors
from memguard.detection.detector import Detector
from memguard.detection.views import TURNS, features_of, in_query, view_of, views, windows
from memguard.index import Index
from memguard.index.open import open_index
from memguard.lifecycle import build_index
from memguard.verdict import View
from memguard.vision.picture import Picture


def framed(image: Image.Image, share: float = 0.15) -> Image.Image:
    return ImageOps.expand(image, round(share * image.width), fill=(20, 160, 60))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    root = tmp_path_factory.mktemp("views")
    (root / "images").mkdir()
    blobs().save(root / "images" / "drawing.png")
    build_index(root / "images", root / "index", weights={}, calibrate=False, workers=0)
    return open_index(root / "index")


def test_by_default_as_it_is_mirrored_and_inverted(cat: Image.Image) -> None:
    query = Picture(cat)
    seen = views(query, thorough=False)
    assert list(seen) == ["as is", "mirrored", "inverted"]
    assert seen["as is"] is query
    assert seen["mirrored"].image.tobytes() == ImageOps.mirror(query.image).tobytes()
    assert seen["inverted"].image.tobytes() == ImageOps.invert(query.image).tobytes()
    for view, picture in seen.items():
        again = view_of(query, view)
        assert again is not None
        assert again.image.tobytes() == picture.image.tobytes()


def test_thorough_adds_quarter_turns_and_what_a_border_surrounds(cat: Image.Image) -> None:
    standard = ["as is", "mirrored", "inverted"]
    assert list(views(Picture(cat), thorough=True)) == [*standard, *TURNS]
    seen = views(Picture(framed(cat)), thorough=True)
    assert list(seen)[-1] == "unletterboxed"
    inner = seen["unletterboxed"].image
    assert inner.width == pytest.approx(cat.width, abs=4)
    assert inner.height == pytest.approx(cat.height, abs=4)
    turned = views(Picture(cat), thorough=True)["turned 90"]
    assert turned.image.tobytes() == Picture(cat).image.rotate(90, expand=True).tobytes()


def test_a_blank_picture_has_no_border(cat: Image.Image) -> None:
    assert view_of(Picture(Image.new("RGB", (90, 60), "white")), "unletterboxed") is None
    assert view_of(Picture(framed(cat, 0.005)), "unletterboxed") is None


@pytest.mark.parametrize("view", ["turned 90", "turned 180", "turned 270", "unletterboxed"])
def test_thorough_finds_a_drawing_without_features_in_that_view(index: Index, view: str) -> None:
    angles = {"turned 90": 270, "turned 180": 180, "turned 270": 90}
    image = blobs()
    copy = framed(image) if view == "unletterboxed" else image.rotate(angles[view], expand=True)
    (standard,) = Detector(index, weightless_descriptors()).detect([copy])
    (thorough,) = Detector(index, weightless_descriptors(), thorough=True).detect([copy])
    assert standard.label == "clear"
    assert thorough.label == "memorized"
    assert thorough.matches[0].view == view
    assert f"({view})" in thorough.why


def test_windows_and_their_features(cat: Image.Image, tmp_path: Path) -> None:
    query = Picture(cat)
    parts = windows(query)
    assert len(parts) == 5
    assert all(part.image.width < query.image.width for part in parts)
    assert all(0 < len(part.points) < len(query.features.points) for part in features_of(query))
    assert list(features_of(Picture(blobs()))) == []


@pytest.mark.parametrize("view", ["as is", "mirrored", "inverted", *TURNS, "unletterboxed"])
def test_a_point_of_a_view_lies_where_the_query_has_it(view: View) -> None:
    """A dark spot in a light drawing with a border is found in the view, and back in the query."""
    image = Image.new("RGB", (200, 120), "white")
    image.paste((20, 160, 60), (10, 20, 190, 100))
    image.paste((0, 0, 90), (36, 30, 44, 38))
    seen = view_of(Picture(image), view)
    assert seen is not None
    away = np.abs(
        np.asarray(seen.image, float) - ((255, 255, 165) if view == "inverted" else (0, 0, 90))
    )
    rows, columns = np.nonzero(away.sum(axis=2) == 0)
    spot = (np.array([[columns.mean(), rows.mean()]]) + 0.5) / seen.image.size
    found = in_query(spot, view, Picture(image)) * image.size
    assert found[0] == pytest.approx([40, 34])
