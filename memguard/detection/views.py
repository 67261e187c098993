"""Views of a query, so that turned, mirrored, inverted and framed copies are found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.verdict import View
from memguard.vision.local_features import NO_FEATURES, LocalFeatures
from memguard.vision.picture import Picture

TURNS: Mapping[View, Image.Transpose] = {
    "turned 90": Image.Transpose.ROTATE_90,
    "turned 180": Image.Transpose.ROTATE_180,
    "turned 270": Image.Transpose.ROTATE_270,
}
"""Counterclockwise, in degrees."""

WINDOWS = (
    (0.15, 0.15, 0.85, 0.85),
    (0.0, 0.0, 0.6, 0.6),
    (0.4, 0.0, 1.0, 0.6),
    (0.0, 0.4, 0.6, 1.0),
    (0.4, 0.4, 1.0, 1.0),
)
"""Parts of a query in which ``thorough`` searches for insets: left, top, right, bottom, as shares
of its edges. Chosen by hand: each corner, and the middle."""
FEWEST_FEATURES = 8
"""Local features that a part needs to propose references."""

SAME_COLOUR = 10.0
"""Mean difference in levels, of 255, within which a line of pixels belongs to the border."""
LEAST_BORDER = 0.03
"""Least width of a border on its widest side, as a share of the edge."""
LEAST_LEFT = 0.3
"""Least share of each edge inside a border."""


def views(query: Picture, *, thorough: bool) -> dict[View, Picture]:
    """A query as it is, mirrored and inverted; ``thorough``: also turned and without its border.

    Only the first three have local features: these align turned and framed pictures by themselves.
    """
    seen: dict[View, Picture] = {
        "as is": query,
        "mirrored": query.mirrored(),
        "inverted": query.inverted(),
    }
    if thorough:
        for view in (*TURNS, "unletterboxed"):
            picture = view_of(query, view)
            if picture is not None:
                seen[view] = picture
    return seen


def view_of(query: Picture, view: View) -> Picture | None:
    """One view of a query; None for "unletterboxed" where it has no border."""
    if view == "as is":
        return query
    if view == "mirrored":
        return query.mirrored()
    if view == "inverted":
        return query.inverted()
    if view in TURNS:
        return Picture(query.image.transpose(TURNS[view]), NO_FEATURES)
    box = _within_border(query)
    return None if box is None else Picture(query.image.crop(box), NO_FEATURES)


def in_query(points: NDArray[np.float64], view: View, query: Picture) -> NDArray[np.float64]:
    """Where points of a view lie in the query.

    Args:
        points: x, y as shares of the view's width and height, float64 (n, 2).
        view: one that the query has (:func:`view_of`).
        query: the query as it is.

    Returns:
        the same as shares of the query's width and height.
    """
    x, y = points.T
    if view == "mirrored":
        x = 1 - x
    elif view == "turned 90":
        x, y = 1 - y, x
    elif view == "turned 180":
        x, y = 1 - x, 1 - y
    elif view == "turned 270":
        x, y = y, 1 - x
    elif view == "unletterboxed" and (box := _within_border(query)) is not None:
        left, upper, right, lower = box
        wide, tall = query.image.size
        x, y = (left + x * (right - left)) / wide, (upper + y * (lower - upper)) / tall
    return np.stack([x, y], axis=1)


def _within_border(query: Picture) -> tuple[int, int, int, int] | None:
    """Left, upper, right and lower edge of the picture inside a border of one colour, in pixels."""
    pixels = query.pixels.astype(np.float32)
    ring = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    away = np.abs(pixels - np.median(ring, axis=0)).max(axis=2)
    rows = np.flatnonzero(away.mean(axis=1) > SAME_COLOUR)
    columns = np.flatnonzero(away.mean(axis=0) > SAME_COLOUR)
    if not len(rows) or not len(columns):
        return None
    height, width = away.shape
    upper, lower = rows[0] / height, (rows[-1] + 1) / height
    left, right = columns[0] / width, (columns[-1] + 1) / width
    if max(upper, 1 - lower, left, 1 - right) < LEAST_BORDER:
        return None
    if min(lower - upper, right - left) < LEAST_LEFT:
        return None
    wide, tall = query.image.size
    return round(left * wide), round(upper * tall), round(right * wide), round(lower * tall)


def windows(query: Picture) -> list[Picture]:
    """The parts of a query in which insets are searched for."""
    return [Picture(_cut(query.image, box)) for box in WINDOWS]


def features_of(query: Picture) -> Iterator[LocalFeatures]:
    """The local features inside each part of a query that has enough of them."""
    features = query.features
    height, width = query.pixels.shape[:2]
    x, y = features.points.T / np.array([[width], [height]])
    for left, top, right, bottom in WINDOWS:
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        if inside.sum() >= FEWEST_FEATURES:
            yield LocalFeatures(features.points[inside], features.descriptors[inside])


def _cut(image: Image.Image, box: tuple[float, float, float, float]) -> Image.Image:
    """The part of an image inside a window, given in shares of its edges."""
    left, top, right, bottom = box
    width, height = image.size
    return image.crop(
        (
            int(left * width),
            int(top * height),
            max(int(right * width), int(left * width) + 1),
            max(int(bottom * height), int(top * height) + 1),
        )
    )
