"""What is shown instead: grey, blurred or made by a callable, and never the image itself."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fixtures.guarded_images import COPY, NOVEL, drawing, unit
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from memguard import ConfigurationError, Guard, guard
from memguard.pipelines.placeholder import placeholder_for

RED = (200, 30, 30)
GREY = Image.new("RGB", (1, 1), (127, 127, 127))


def sign(image: Image.Image) -> Image.Image:
    """A red sign of another size."""
    return Image.new("RGBA", (20, 10), RED)


def spoiled(image: Image.Image) -> Image.Image:
    """Fails after it has drawn on what it was given."""
    ImageDraw.Draw(image).rectangle((0, 0, 20, 20), RED)
    raise OSError("no font")


def png(seed: int) -> bytes:
    stream = io.BytesIO()
    drawing(seed).save(stream, "PNG")
    return stream.getvalue()


def level(piece: Any) -> np.ndarray:
    """The colour in the middle, in [0, 255]."""
    if isinstance(piece, bytes):
        piece = Image.open(io.BytesIO(piece))
    array = np.asarray(piece, dtype=float)
    if array.ndim == 3 and array.shape[0] == 3:
        array = np.moveaxis(array, 0, -1)
    middle = array[32, 32]
    return middle[:3] if middle.max() > 1 else middle[:3] * 255


KINDS: dict[str, Any] = {
    "pil": lambda: [drawing(NOVEL), drawing(COPY)],
    "rgba": lambda: [drawing(NOVEL), drawing(COPY).convert("RGBA")],
    "np": lambda: np.stack([unit(NOVEL), unit(COPY)]),
    "uint8": lambda: (255 * np.stack([unit(NOVEL), unit(COPY)])).round().astype(np.uint8),
    "half": lambda: torch.from_numpy(np.stack([unit(NOVEL), unit(COPY)])).movedim(-1, 1).half(),
    "png": lambda: [png(NOVEL), png(COPY)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_callable_decides_what_is_shown(index: Path, kind: str) -> None:
    original = KINDS[kind]()
    shown = guard(KINDS[kind], index, placeholder=sign)()
    assert np.abs(level(shown[1]) - RED).max() < 2
    assert type(shown[1]) is type(original[1])
    assert np.array_equal(np.asarray(shown[0]), np.asarray(original[0]))


@pytest.mark.parametrize("kind", KINDS)
def test_blurred_shows_the_colours_and_is_no_copy(index: Path, kind: str) -> None:
    shown = guard(KINDS[kind], index, placeholder="blurred")()
    verdicts = Guard(index).check(shown[1:])
    assert [verdict.label for verdict in verdicts] == ["clear"]
    picture = Image.open(io.BytesIO(shown[1])) if kind == "png" else None
    levels = np.asarray(shown[1] if picture is None else picture, dtype=float)
    assert np.ptp(levels) > 0.1


@pytest.mark.parametrize(
    "failing",
    [
        spoiled,
        lambda image: image,
        lambda image: image.convert("RGBA"),
        lambda image: image.resize((200, 200)),
        lambda image: image.filter(ImageFilter.GaussianBlur(1)),
        lambda image: drawing(COPY),
        lambda image: None,
        lambda image: Image.new("RGB", (0, 0)),
        lambda: None,
    ],
)
def test_grey_is_shown_where_a_callable_fails_or_shows_the_image(failing: Any, index: Path) -> None:
    _, shown = guard(KINDS["pil"], index, placeholder=failing)()
    assert shown.tobytes() == GREY.resize(shown.size).tobytes()


def test_a_callable_may_blur_strongly() -> None:
    image = drawing(COPY)
    shown = placeholder_for(image, lambda image: ImageOps.grayscale(image.resize((3, 3))))
    assert shown.tobytes() != GREY.resize(shown.size).tobytes()


def test_grey_is_shown_for_what_cannot_be_read(index: Path) -> None:
    broken = unit(COPY)
    broken[0, 0, 0] = np.nan
    for placeholder in ("blurred", sign):
        (shown,) = guard(lambda: broken[None], index, placeholder=placeholder)()
        assert np.abs(level(shown) - 127).max() < 1


@pytest.mark.parametrize("wrong", ["black", 7, None])
def test_what_is_no_placeholder_is_refused(index: Path, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="'grey' or 'blurred', or a callable"):
        Guard(index, placeholder=wrong)
