"""What is shown instead of an image that is withheld."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np
from PIL import Image

from memguard.errors import ConfigurationError
from memguard.vision.decode import to_rgb

log = logging.getLogger("memguard")

GREY = 127
"""Level of the grey placeholder, of 255."""

BLURRED_PX = 6
"""Longer edge of the picture that ``"blurred"`` leaves: a few colours, and no outline."""

COMPARED_PX = 64
"""Edge of the squares in which a callable's picture is compared with the image."""

SAME_LEVELS = 12.0
"""Root mean square difference in levels, of 255, below which it still shows the image. A blurred
photograph is further away. Chosen by hand."""

Named = Literal["grey", "blurred"]

Placeholder: TypeAlias = Named | Callable[[Image.Image], Image.Image]
"""What is shown instead of an image that is withheld.

``"grey"``: mid-grey. ``"blurred"``: a few blurred spots of the image's own colours. A callable:
what it makes of the image, an RGB image of any size; grey where it fails or still shows the image,
and where the image could not be read."""


def require_placeholder(placeholder: Placeholder) -> None:
    """Refuse what is no placeholder.

    Raises:
        ConfigurationError: neither one of the names nor a callable.
    """
    if not callable(placeholder) and placeholder not in get_args(Named):
        names = " or ".join(map(repr, get_args(Named)))
        raise ConfigurationError(
            f"a placeholder is {names}, or a callable that takes the image, not {placeholder!r}"
        )


def placeholder_for(image: object, placeholder: Placeholder) -> Image.Image:
    """The RGB image to show instead; grey of one pixel where there is nothing to start from.

    Args:
        image: a Pillow image; anything else is an image that could not be read.
        placeholder: see :data:`Placeholder`.
    """
    if placeholder != "grey" and isinstance(image, Image.Image):
        try:
            rgb = to_rgb(image)
            if callable(placeholder):
                return _checked(to_rgb(placeholder(rgb.copy())), rgb)
            return _blurred(rgb)
        except Exception:
            log.exception("memguard shows grey: the placeholder failed")
    return Image.new("RGB", (1, 1), (GREY, GREY, GREY))


def _blurred(image: Image.Image) -> Image.Image:
    scale = BLURRED_PX / max(image.size)
    size = [max(1, round(edge * scale)) for edge in image.size]
    spots = image.resize((size[0], size[1]), Image.Resampling.BOX)
    return spots.resize(image.size, Image.Resampling.BICUBIC)


def _checked(shown: Image.Image, image: Image.Image) -> Image.Image:
    """What the callable made, unless it shows the image.

    Raises:
        ConfigurationError: it does.
    """
    first, second = (
        np.asarray(one.resize((COMPARED_PX, COMPARED_PX), Image.Resampling.BOX), dtype=np.float64)
        for one in (shown, image)
    )
    if 0 in shown.size or float(np.sqrt(np.square(first - second).mean())) < SAME_LEVELS:
        raise ConfigurationError(
            "the placeholder still shows the image; return another, or a strongly blurred one"
        )
    return shown
