"""HTML pages that need nothing else: Jinja templates, with pictures and plots as data URIs."""

from __future__ import annotations

import base64
import io
import math
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Any

from PIL import Image

from memguard._optional import require
from memguard._version import __version__
from memguard.errors import UnreadableImageError
from memguard.files import read_regular
from memguard.index import Index
from memguard.printable import printable
from memguard.report.formatting import percent
from memguard.vision.decode import decode, to_rgb

PICTURE_EDGE = 200
"""Longer edge, in pixels, of the pictures on a page."""


def render(template: str, **values: Any) -> str:
    """Render a template of this folder.

    Raises:
        ConfigurationError: the extra ``report`` is not installed.
    """
    jinja2 = require("jinja2", extra="report")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "count": "{:,}".format,
        "distance": _distance,
        "quote": shlex.quote,
    }
    page: str = environment.get_template(template).render(version=__version__, **values)
    return page


def find_pictures(index: Index, names: Collection[str]) -> dict[str, str]:
    """Data URIs of the pictures that still exist, by name.

    A name that is the uri of a reference gives the index's thumbnail; any other is read as a file.
    """
    records = index.find_uris(names)
    found: dict[str, str] = {}
    for name in names:
        record = records.get(name)
        image = record.image() if record and record.has_pixels else _read(name)
        if image is not None:
            found[name] = picture_uri(image)
    return found


def picture_uri(image: Image.Image, edge: int = PICTURE_EDGE, quality: int = 85) -> str:
    """A JPEG of the picture as a data URI; its longer edge has at most ``edge`` pixels."""
    small = to_rgb(image).copy()
    small.thumbnail((edge, edge))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=quality)
    return _data_uri(stream.getvalue(), "image/jpeg")


def plot_uri(svg: bytes | None) -> str | None:
    """A plot as a data URI."""
    return None if svg is None else _data_uri(svg, "image/svg+xml")


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _distance(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def _read(name: str) -> Image.Image | None:
    try:
        return decode(read_regular(Path(name)))[0]
    except (OSError, ValueError, UnreadableImageError):
        return None
