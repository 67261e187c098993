"""The sentence for readers who know nothing of distances: no more than was measured."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from memguard.detection.detector import Detector
from memguard.report import explain
from memguard.report.finding import finding, share_in_words
from memguard.verdict import Match, Region, Verdict

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def said(image: Image.Image, detector: Detector) -> str:
    return explain(image, detector).finding


def test_the_same_picture(detector: Detector, cat: Image.Image) -> None:
    same = "The same picture as a training image"
    assert said(cat, detector) == (
        f"{same}; no difference is to be seen at the size that the index keeps."
    )
    assert (
        said(cat.filter(ImageFilter.GaussianBlur(2)), detector) == f"{same}; fine detail differs."
    )
    dark = Image.eval(ImageOps.mirror(cat), lambda level: level // 2)
    assert said(dark, detector) == f"{same}, mirrored; brightness or colours differ."
    assert said(ImageOps.invert(cat), detector).startswith(f"{same}, as a negative;")


def test_a_changed_part(detector: Detector, cat: Image.Image) -> None:
    painted = cat.copy()
    ImageDraw.Draw(painted).rectangle((0, 0, cat.width // 2, cat.height // 2), fill="red")
    sentence = said(painted, detector)
    assert sentence.startswith(("The same picture as a training image; about a ", "A part of a "))


def test_parts_and_turns(
    detector: Detector, cat: Image.Image, photographs: dict[str, Image.Image]
) -> None:
    crop = said(cat.crop((100, 50, 350, 250)), detector)
    assert crop == "A part of a training image, about two fifths of it, fills this image."
    inset = photographs["rocket.jpg"].copy()
    inset.paste(ImageOps.mirror(cat), (100, 50))
    assert said(inset, detector).endswith("is seen again, mirrored, in about half of this image.")
    turned = cat.rotate(30, expand=True, fillcolor="white")
    assert "turned by about 30 degrees" in said(turned, detector)


def test_the_very_file(photograph_index: Path, detector: Detector) -> None:
    (file,) = photograph_index.parent.glob("images/chelsea.png")
    explanation = explain(file, detector)
    assert explanation.finding == "This is a file of the training set, byte for byte."
    assert explanation.to_json()["finding"] == explanation.finding
    stream = io.BytesIO()
    Image.open(file).save(stream, "PNG", compress_level=1)
    assert explain(stream.getvalue(), detector).finding.startswith("The same picture")


def test_nothing_found_blank_and_unchecked(
    detector: Detector, photographs: dict[str, Image.Image]
) -> None:
    clear = explain(photographs["rocket.jpg"], detector)
    assert clear.verdict.label == "clear"
    assert clear.finding == "No copy of a training image was found."
    assert said(Image.new("RGB", (99, 99)), detector).startswith("The image is blank")
    unchecked = Verdict("unchecked", 0.0, why="the index is gone")
    assert finding(unchecked) == (
        "This image was not checked, so nothing is known about it: the index is gone."
    )


@pytest.fixture
def similar() -> Verdict:
    region = Region(WHOLE, WHOLE, 0.3, 0.1)
    match = Match("0" * 32, "a.png", "as is", {"structure": 0.9}, region=region)
    return Verdict("similar", 0.7, matches=(match,))


def test_a_flag_is_a_perhaps(similar: Verdict) -> None:
    assert finding(similar) == (
        "Perhaps a part of a training image, about a third of it, is seen again, in about a tenth "
        "of this image; a person has to judge."
    )
    logo = dataclasses.replace(similar.matches[0], shared_by=3)
    sentence = finding(dataclasses.replace(similar, matches=(logo,)))
    assert sentence.startswith("Perhaps no copy: a part of a training image")
    assert sentence.endswith("3 or more other training images show it too, as they would a logo.")


def test_an_allowed_copy_is_not_passed_over(similar: Verdict) -> None:
    allowed = dataclasses.replace(similar.matches[0], exempt="allowed")
    clear = Verdict("clear", 0.1, matches=(similar.matches[0], allowed, allowed))
    assert finding(clear) == (
        "No copy of a training image was found but of one that is allowed, and 1 more, and so does "
        "not count."
    )


def test_without_a_region_no_part_is_claimed(similar: Verdict) -> None:
    match = dataclasses.replace(similar.matches[0], region=None, view="mirrored")
    assert finding(dataclasses.replace(similar, matches=(match,))) == (
        "The measurements come near a training image, mirrored; the index does not hold its "
        "pixels, so nothing can be shown; a person has to judge."
    )
    memorized = dataclasses.replace(similar, label="memorized", matches=(match,))
    assert finding(memorized).startswith("The measurements call this a copy of a training image")


def test_every_share_has_a_name_near_it() -> None:
    assert share_in_words(0.03) == "less than a tenth"
    assert share_in_words(0.34) == "about a third"
    assert share_in_words(0.99) == "about nine tenths"
    names = [share_in_words(float(share)) for share in np.linspace(0.08, 1, 50)]
    assert len(set(names)) == 10
