"""A logo that unlike references share only flags; what else they may share blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memguard.descriptors import weightless_descriptors
from memguard.detection.detector import Detector
from memguard.index.open import open_index
from memguard.lifecycle import build_index
from memguard.verdict import COMMON, Verdict
from memguard.vision.transforms import dead_leaves

PLACES = {
    "astronaut.png": (190, 10),
    "chelsea.png": (20, 180),
    "coffee.png": (150, 150),
    "hubble_deep_field.jpg": (60, 50),
    "motorcycle_left.png": (100, 5),
}
"""Where the logo lies in each reference, in pixels."""


def logo() -> Image.Image:
    return dead_leaves((128, 128), np.random.default_rng(5)).resize((64, 64))


def squares(photographs: Mapping[str, Image.Image]) -> dict[str, Image.Image]:
    return {name: photographs[name].resize((256, 256)) for name in PLACES}


def with_logo(picture: Image.Image, place: tuple[int, int]) -> Image.Image:
    marked = picture.copy()
    marked.paste(logo(), place)
    return marked


@pytest.fixture(scope="module")
def novel(photographs: dict[str, Image.Image]) -> Image.Image:
    return photographs["rocket.jpg"].crop((100, 0, 500, 400)).resize((256, 256))


def checked(folder: Path, references: Mapping[str, Image.Image], query: Image.Image) -> Verdict:
    """The verdict on a query, of an index of these references."""
    (folder / "images").mkdir()
    for name, image in references.items():
        image.save((folder / "images" / name).with_suffix(".png"))
    output = folder / "index"
    build_index(folder / "images", output, weights={}, calibrate=False, workers=0)
    return Detector(open_index(output), weightless_descriptors()).detect([query])[0]


def test_a_logo_in_many_references_flags(
    photographs: dict[str, Image.Image], novel: Image.Image, tmp_path: Path
) -> None:
    pictures = squares(photographs)
    references = {name: with_logo(pictures[name], place) for name, place in PLACES.items()}
    verdict = checked(tmp_path, references, with_logo(novel, (150, 30)))
    assert verdict.label == "similar"
    assert 0.5 <= verdict.score < 1
    assert {signal.label for signal in verdict.signals} == {"similar"}
    assert verdict.matches[0].shared_by == COMMON
    assert verdict.why.endswith(
        "and does not block: 3 or more other references share this small part"
    )


def test_a_logo_in_few_references_blocks(
    photographs: dict[str, Image.Image], novel: Image.Image, tmp_path: Path
) -> None:
    pictures = squares(photographs)
    marked = dict(list(PLACES.items())[:COMMON])
    references = pictures | {name: with_logo(pictures[name], at) for name, at in marked.items()}
    verdict = checked(tmp_path, references, with_logo(novel, (150, 30)))
    assert verdict.label == "memorized"
    assert all(match.shared_by < COMMON for match in verdict.matches)


def test_a_copy_of_a_reference_with_that_logo_blocks(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    pictures = squares(photographs)
    references = {name: with_logo(pictures[name], place) for name, place in PLACES.items()}
    verdict = checked(tmp_path, references, references["coffee.png"].resize((200, 200)))
    assert verdict.label == "memorized"
    assert Path(verdict.matches[0].uri).stem == "coffee"


def test_a_piece_of_a_picture_in_many_versions_blocks(
    photographs: dict[str, Image.Image], novel: Image.Image, tmp_path: Path
) -> None:
    """Tones, mirror image and crops: near-duplicates are one reference, not many."""
    motorcycle = photographs["motorcycle_left.png"]
    width, height = motorcycle.size
    versions = {
        "whole": motorcycle,
        "dark": motorcycle.point(lambda level: level // 2),
        "mirrored": motorcycle.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "left": motorcycle.crop((0, 0, width * 4 // 5, height)),
        "right": motorcycle.crop((width // 5, 0, width, height)),
        "lower": motorcycle.crop((width // 8, height // 5, width * 7 // 8, height)),
    }
    query = novel.copy()
    query.paste(motorcycle.crop((300, 200, 510, 410)).resize((120, 120)), (100, 50))
    verdict = checked(tmp_path, versions, query)
    assert verdict.label == "memorized"
    region = verdict.matches[0].region
    assert region is not None
    assert region.share_of_reference < 0.25


def test_a_large_template_of_many_references_blocks(
    photographs: dict[str, Image.Image], novel: Image.Image, tmp_path: Path
) -> None:
    """The same poster around different pictures, and around a new one."""
    pictures = squares(photographs)
    poster = pictures.pop("motorcycle_left.png")

    def filled(picture: Image.Image) -> Image.Image:
        made = poster.copy()
        made.paste(picture.resize((150, 110)), (10, 20))
        return made

    references = {name: filled(picture) for name, picture in pictures.items()}
    assert len(references) > COMMON
    assert checked(tmp_path, references, filled(novel)).label == "memorized"
