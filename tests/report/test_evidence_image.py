"""The picture of an explanation: its panels, and text that stays inside it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fixtures.explanation_panels import panel
from PIL import Image, ImageColor, ImageOps

from memguard.detection.detector import Detector
from memguard.report import explain
from memguard.report.evidence_image import HEAD, MARGIN, OUTLINE, PANEL


def test_a_mirrored_crop_is_laid_where_it_belongs(detector: Detector, cat: Image.Image) -> None:
    """The picture is drawn as the query lies: the crop of the left is on the right."""
    explanation = explain(ImageOps.mirror(cat.crop((20, 50, 250, 250))), detector)
    assert explanation.comparison is not None
    assert explanation.comparison.mirrored
    difference = np.asarray(panel(explanation.draw(), 2, cat.size))
    middle = difference[difference.shape[0] // 2]
    grey = (middle == 200).all(axis=1)
    assert grey[:100].all()
    assert not grey[-150:-30].any()


def test_an_inset_is_outlined_in_the_query_and_its_part_in_the_reference(
    detector: Detector, photographs: dict[str, Image.Image], cat: Image.Image
) -> None:
    """The right half of the cat, mirrored, in the corner of a rocket."""
    query = photographs["rocket.jpg"].copy()
    query.paste(ImageOps.mirror(cat.crop((225, 0, 451, 300))), (100, 50))
    picture = explain(query, detector).draw()
    seen = outlined(panel(picture, 0, query.size))
    assert seen == pytest.approx(np.array((100, 50, 326, 350)) / (query.size * 2), abs=0.02)
    known = outlined(panel(picture, 1, cat.size))  # drawn mirrored, as the query lies
    assert known == pytest.approx((0, 0, 0.5, 1), abs=0.13)


def test_a_crop_is_outlined_in_both(detector: Detector, cat: Image.Image) -> None:
    query = cat.crop((100, 50, 350, 250))
    picture = explain(query, detector).draw()
    assert outlined(panel(picture, 0, query.size)) == pytest.approx((0, 0, 1, 1), abs=0.03)
    known = outlined(panel(picture, 1, cat.size))
    box = (100 / cat.width, 50 / cat.height, 350 / cat.width, 250 / cat.height)
    assert known == pytest.approx(box, abs=0.05)


def outlined(shown: Image.Image) -> tuple[float, ...]:
    """Left, top, right and bottom of what has the colour of outlines, as shares of a panel."""
    away = np.abs(np.asarray(shown, dtype=float) - ImageColor.getrgb(OUTLINE)).max(axis=2)
    rows, columns = np.nonzero(away < 8)
    height, width = away.shape
    edges = columns.min() / width, rows.min() / height, columns.max() / width, rows.max() / height
    return tuple(map(float, edges))


def test_odd_shapes(detector: Detector, cat: Image.Image) -> None:
    for size in ((600, 3), (5, 400), (1, 1), (17, 16)):
        explanation = explain(cat.resize(size), detector)
        assert explanation.draw().width == 4 * PANEL + 5 * MARGIN


def test_long_names_stay_inside_the_picture(detector: Detector, cat: Image.Image) -> None:
    """A path of 400 letters makes more lines, not a wider picture."""
    explanation = explain(cat, detector)
    comparison = explanation.comparison
    assert comparison is not None
    usual = explanation.draw()
    long = dataclasses.replace(comparison.match, uri="/x" * 200, caption="words " * 60)
    longer = dataclasses.replace(
        explanation, comparison=dataclasses.replace(comparison, match=long)
    ).draw()
    assert longer.width == usual.width
    assert longer.height > usual.height
    edge = np.asarray(longer)[HEAD + PANEL + 5 :, -MARGIN + 4 :]
    assert (edge == 255).all()


def test_captions_and_uris_in_any_script(detector: Detector, cat: Image.Image) -> None:
    explanation = explain(cat, detector)
    comparison = explanation.comparison
    assert comparison is not None
    match = dataclasses.replace(
        comparison.match,
        uri="https://example.org/$x$/\N{CYRILLIC CAPITAL LETTER ZHE}.png",
        caption="\N{CJK UNIFIED IDEOGRAPH-732B}\N{CAT FACE} $a_b^2$ \\frac\n\tend " * 20,
        rights="\N{COPYRIGHT SIGN} [red]\N{ARABIC LETTER NOON}\x07",
    )
    drawn = dataclasses.replace(
        explanation, comparison=dataclasses.replace(comparison, match=match)
    ).draw()
    assert drawn.height > explanation.draw().height
    assert (np.asarray(drawn)[HEAD + PANEL + 5 :, -MARGIN + 4 :] == 255).all()
