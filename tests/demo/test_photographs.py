"""The photographs of the installed scikit-image, and squares of them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from memguard.demo.photographs import PHOTOGRAPHS, Square, photographs
from memguard.errors import ConfigurationError

pytest.importorskip("skimage")


def test_photographs_are_the_colour_pictures_of_the_wheel() -> None:
    found = photographs()
    assert tuple(found) == PHOTOGRAPHS
    for image in found.values():
        red, green, _ = np.moveaxis(np.asarray(image), -1, 0)
        assert image.mode == "RGB"
        assert (red != green).any()


def test_photographs_without_scikit_image_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)  # how Python marks what cannot be imported
    with pytest.raises(ConfigurationError, match=r"pip install 'memguard\[demo\]'"):
        photographs()


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        (Square("a.png", 9, 9, 5), True),
        (Square("a.png", 10, 9, 5), False),
        (Square("a.png", 2, 2, 1), True),
        (Square("b.png", 0, 0, 10), False),
    ],
)
def test_squares_overlap_where_they_share_a_pixel(other: Square, overlaps: bool) -> None:
    square = Square("a.png", 0, 0, 10)
    assert square.overlaps(other) is overlaps
    assert other.overlaps(square) is overlaps
    assert square.box == (0, 0, 10, 10)
