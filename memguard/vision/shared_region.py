"""The region of a reference that an aligned query shows again.

A template copy repeats part of a training image: the same desk with another phone case (Webster
2023). After alignment, query and reference are divided into cells, and the rectangle of cells whose
colour structure agrees beyond chance is found: a scan statistic (Kulldorff 1997, "A spatial scan
statistic") over the correlation of a rectangle, in standard deviations by Fisher's transformation.

Constants without a source were chosen on the pictures of benchmarks/detection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.vision.structure import (
    COARSE,
    SIDE_PX,
    Mask,
    Plane,
    contrast_normalised,
    masked_detail,
    masked_tones,
)

CELLS = 8
"""Cells along each edge of the overlap."""
FREEDOM = 6.0
"""Independent values in a cell of textured structure: 8 x 8 pixels of three correlated channels,
smoothed by COARSE.blur."""
MOST_CORRELATION = 0.99
"""Bound on a correlation; Fisher's transformation of 1 is infinite."""
KEPT_CORRELATION = 0.9
"""Share of the best rectangle's correlation that a larger one around it must keep."""
TEXTURED = 0.25
"""Energy of a cell, in that of the mean cell of the best rectangle, below which it is flat."""
LEAST_EDGE = 0.08
"""Least edge of the overlap, in longer edges of the reference."""
LEAST_COVER = 0.1
"""Least share of the overlap's bounding box that the query covers."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


@dataclass(frozen=True)
class SharedRegion:
    """A rectangle of the reference that the query shows again.

    Attributes:
        deviations: how far its correlation is from 0, in standard deviations.
        box: where it lies, as shares of the reference's width and height.
        outline: the same in the query, as shares of its width and height, float64 (4, 2); the
            corners from the box's upper left one, clockwise.
    """

    deviations: float
    box: Box
    outline: NDArray[np.float64]


def find_shared_region(
    query: NDArray[np.uint8], reference: NDArray[np.uint8], transform: NDArray[np.float64]
) -> SharedRegion | None:
    """The region where an aligned query and a reference agree most; None if they hardly overlap.

    Args:
        query, reference: RGB, uint8 (h, w, 3).
        transform: from query to reference, float64 (2, 3), in longer edges of each.
    """
    onto = np.vstack([transform, [0, 0, 1]])
    overlap = _overlap(query, reference, onto)
    if min(overlap[2] - overlap[0], overlap[3] - overlap[1]) < LEAST_EDGE:
        return None
    matrix = _into_square(query, onto, overlap)
    covered = _covered(query, matrix)
    if covered.min() < 1:
        covered = cv2.erode(covered, np.ones((3, 3)), borderValue=0)
    if covered.mean() < LEAST_COVER:
        return None
    mask = Mask(covered)
    seen = _structure(_warped(query, matrix), mask)
    known = _structure(_warped(reference, _into_square(reference, np.eye(3), overlap)), mask)
    deviations, cells = _most_agreeing(seen, known)
    return _located(deviations, cells, overlap, onto, query.shape, reference.shape)


def _overlap(
    query: NDArray[np.uint8], reference: NDArray[np.uint8], onto: NDArray[np.float64]
) -> Box:
    """The bounding box of the warped query inside the reference, in its longer edges."""
    corners = _map(onto, _corners((0, 0, *_edges(query.shape))))
    left, top = np.maximum(corners.min(axis=0), 0)
    right, bottom = np.minimum(corners.max(axis=0), _edges(reference.shape))
    return float(left), float(top), float(right), float(bottom)


def _into_square(
    picture: NDArray[np.uint8], onto: NDArray[np.float64], box: Box
) -> NDArray[np.float64]:
    """The matrix (2, 3) by which the box of a picture fills a square of SIDE_PX."""
    edge = max(picture.shape[:2])
    left, top, right, bottom = box
    scale = SIDE_PX / np.array([right - left, bottom - top])
    into = np.diag([*scale, 1.0])
    into[:2, 2] = -scale * (left, top) - 0.5
    units = np.diag([1 / edge, 1 / edge, 1.0])
    units[:2, 2] = 0.5 / edge
    return np.asarray((into @ onto @ units)[:2])


def _warped(picture: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """The levels of a picture in the square, in [0, 1]; smoothed first where it shrinks much."""
    shrink = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if shrink < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / shrink)
    levels = cv2.warpAffine(picture, matrix, (SIDE_PX, SIDE_PX))
    return np.asarray(levels.astype(np.float32) / 255)


def _covered(picture: NDArray[np.uint8], matrix: NDArray[np.float64]) -> Plane:
    """1 where a picture covers the square."""
    ones = np.ones(picture.shape[:2], np.float32)
    covered = cv2.warpAffine(ones, matrix, (SIDE_PX, SIDE_PX)) > 0.98
    return np.asarray(covered.astype(np.float32))


def _structure(square: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Contrast-normalised detail of the scale COARSE within the mask."""
    detail = masked_detail(masked_tones(square, mask), mask)
    return contrast_normalised(detail, mask, COARSE)


def _most_agreeing(
    query: NDArray[np.float32], reference: NDArray[np.float32]
) -> tuple[float, NDArray[np.intp]]:
    """The largest deviation over all rectangles of cells, and the bounds of the region there.

    A cell counts by its share of the reference's energy, so flat parts are no evidence. The best
    rectangle may be only the sharpest part of what agrees: the region is the one around it that
    correlates almost as well and holds most textured cells, without flat ones at its edges.
    """
    products, here, there = (
        _by_cell(left, right)
        for left, right in ((query, reference), (query, query), (reference, reference))
    )
    agreeing = _by_rectangle(products)
    energy = _by_rectangle(there)
    correlation = agreeing / np.sqrt((_by_rectangle(here) + 1e-9) * (energy + 1e-9))
    correlation = np.clip(correlation, -MOST_CORRELATION, MOST_CORRELATION)
    informative = energy**2 / np.maximum(_by_rectangle(there**2), 1e-12)
    freedom = np.maximum(FREEDOM * informative - 3, 0)
    deviations = np.sqrt(freedom) * np.arctanh(correlation)
    best = int(deviations.argmax())
    left, top, right, bottom = _rectangles()[best]
    x0, y0, x1, y1 = _rectangles().T
    around = (x0 <= left) & (y0 <= top) & (x1 >= right) & (y1 >= bottom)
    agrees = around & (correlation >= KEPT_CORRELATION * correlation[best])
    common = np.sqrt(here * there)
    textured = _by_rectangle(common >= TEXTURED * common[top:bottom, left:right].mean())
    area = (x1 - x0) * (y1 - y0)
    largest = int(np.where(agrees, textured - area / (CELLS**2 + 1), -1).argmax())
    return float(deviations[best]), _rectangles()[largest]


def _by_cell(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """The sum of the products in each cell, float64 (CELLS, CELLS)."""
    step = SIDE_PX // CELLS
    cells = (CELLS, step, CELLS, step * left.shape[2])
    sums = np.einsum("iajb,iajb->ij", left.reshape(cells), right.reshape(cells))
    return np.asarray(sums, dtype=np.float64)


def _by_rectangle(cells: NDArray[np.float64] | NDArray[np.bool_]) -> NDArray[np.float64]:
    """Sums over each of :func:`_rectangles`."""
    inside = _spans()
    return np.asarray((inside @ cells @ inside.T).reshape(-1), dtype=np.float64)


@cache
def _spans() -> NDArray[np.float64]:
    """1 for the cells inside each span of a row or column, in the order of :func:`_rectangles`."""
    cells = np.arange(CELLS)
    return np.array(
        [
            (cells >= start) & (cells < end)
            for start in range(CELLS)
            for end in range(start + 1, CELLS + 1)
        ],
        dtype=np.float64,
    )


@cache
def _rectangles() -> NDArray[np.intp]:
    """Left, top, right and bottom of every rectangle of cells, intp (n, 4)."""
    spans = [(a, b) for a in range(CELLS) for b in range(a + 1, CELLS + 1)]
    return np.array([(x0, y0, x1, y1) for y0, y1 in spans for x0, x1 in spans], dtype=np.intp)


def _located(
    deviations: float,
    cells: NDArray[np.intp],
    overlap: Box,
    onto: NDArray[np.float64],
    query: tuple[int, ...],
    reference: tuple[int, ...],
) -> SharedRegion:
    """A rectangle of cells in the shares of both pictures."""
    low, high = np.array(overlap[:2]), np.array(overlap[2:])
    shares = cells.reshape(2, 2) / CELLS
    corners = np.asarray(low + shares * (high - low), dtype=np.float64)
    outline = _map(np.linalg.inv(onto), _corners(corners.ravel())) / _edges(query)
    left, top, right, bottom = (corners / _edges(reference)).ravel().tolist()
    return SharedRegion(deviations, (left, top, right, bottom), outline)


def _edges(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Width and height in longer edges."""
    return np.array([shape[1], shape[0]]) / max(shape[:2])


def _corners(box: NDArray[np.float64] | Box) -> NDArray[np.float64]:
    left, top, right, bottom = box
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def _map(matrix: NDArray[np.floating], points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])
