"""A query compared pixel by pixel with the reference that its verdict names."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.detection.picture_pair import align_square
from memguard.detection.views import view_of
from memguard.index import Index
from memguard.report.formatting import is_part
from memguard.verdict import Match
from memguard.vision.alignment import Alignment, align
from memguard.vision.picture import Picture
from memguard.vision.pixel_distances import TILES, masked_tiled_l2, match_tones, tile_l2

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Comparison:
    """The query, in the view that matched, and the reference.

    Attributes:
        match: the reference, with its distances.
        query: the query, in the view that matched.
        reference: the reference's thumbnail.
        alignment: from the query onto the reference; None where no features agree, or where
            they agree better without it.
    """

    match: Match
    query: Picture
    reference: Picture
    alignment: Alignment | None

    @property
    def mirrored(self) -> bool:
        return self.match.view == "mirrored"

    @cached_property
    def tiles(self) -> NDArray[np.float32]:
        """The l2 of each tile, float32 (4, 4)."""
        return np.asarray(tile_l2(self._square, self.reference.square[None])[0])

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """The tiles that ``masked_tiled_l2`` compared, bool (4, 4)."""
        return np.asarray(masked_tiled_l2(self._square, self.reference.square[None])[1][0])

    @cached_property
    def _square(self) -> NDArray[np.float32]:
        alignment = align(self.query.features, self.reference.features)
        return align_square(self.query, self.reference, alignment)

    @property
    def turn(self) -> float:
        """How far the query is turned to lie on the reference, in degrees, in [-180, 180]."""
        (a, b), (c, d) = self.placement[:, :2]
        return math.degrees(math.atan2(c - b, a + d))

    @property
    def stretch(self) -> float:
        """The ratio of the larger to the smaller scale that lays it there, from 1 up."""
        larger, smaller = np.linalg.svd(self.placement[:, :2], compute_uv=False)
        return float(larger / max(smaller, np.finfo(np.float64).tiny))

    @cached_property
    def placement(self) -> NDArray[np.float64]:
        """Maps pixels of the query to pixels of the reference, float64 (2, 3)."""
        height, width = self.reference.pixels.shape[:2]
        tall, wide = self.query.pixels.shape[:2]
        if self.alignment is None:
            return np.array([[width / wide, 0, 0], [0, height / tall, 0]], dtype=np.float64)
        longer, own = max(height, width), max(tall, wide)
        scale = np.array([longer / own, longer / own, longer])
        return np.asarray(self.alignment.transform * scale, dtype=np.float64)

    @property
    def outline(self) -> NDArray[np.float64]:
        """The query's corners in pixels of the reference, float64 (4, 2)."""
        tall, wide = self.query.pixels.shape[:2]
        corners = np.array([[0, 0, 1], [wide, 0, 1], [wide, tall, 1], [0, tall, 1]])
        return np.asarray(corners @ self.placement.T, dtype=np.float64)

    @cached_property
    def covered(self) -> NDArray[np.bool_]:
        """Where the query covers the reference, bool (h, w)."""
        full = np.full(self.query.pixels.shape[:2], 255, dtype=np.uint8)
        return np.asarray(self._warped(full) > 250)

    @cached_property
    def difference(self) -> NDArray[np.float32]:
        """The root mean square over channels of the difference of levels in [0, 1], (h, w)."""
        warped = self._warped(self.query.pixels).astype(np.float32)
        squares = np.square((warped - self.reference.pixels) / 255).mean(axis=2)
        return np.asarray(np.sqrt(squares) * self.covered, dtype=np.float32)

    @property
    def rms(self) -> float:
        """The root mean square difference where the query covers the reference."""
        count = max(int(self.covered.sum()), 1)
        return float(np.sqrt(np.square(self.difference).sum() / count))

    @cached_property
    def toned_difference(self) -> NDArray[np.float32]:
        """:attr:`difference` once brightness, contrast and colours are matched where the query
        covers the reference, float32 (h, w)."""
        difference = np.zeros(self.covered.shape, dtype=np.float32)
        if self.covered.any():
            seen = _levels(self._warped(self.query.pixels)[self.covered])
            known = _levels(self.reference.pixels[self.covered])
            toned = match_tones(known, seen[None])[0]
            difference[self.covered] = np.sqrt(np.square(toned - known).mean(axis=2))[0]
        return difference

    @property
    def toned_tiles(self) -> NDArray[np.float32]:
        """The root mean square of :attr:`toned_difference` in each tile, float32 (4, 4)."""
        squares = np.square(self.toned_difference)
        means = cv2.resize(squares, (TILES, TILES), interpolation=cv2.INTER_AREA)
        seen = cv2.resize(
            self.covered.astype(np.float32), (TILES, TILES), interpolation=cv2.INTER_AREA
        )
        return np.asarray(np.sqrt(means / np.maximum(seen, 1 / squares.size)), dtype=np.float32)

    @property
    def toned_rms(self) -> float:
        """The root mean square of :attr:`toned_difference` where the query covers the reference."""
        count = max(int(self.covered.sum()), 1)
        return float(np.sqrt(np.square(self.toned_difference).sum() / count))

    def _warped(self, pixels: Pixels) -> Pixels:
        height, width = self.reference.pixels.shape[:2]
        matrix = self.placement.copy()
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
        return np.asarray(cv2.warpAffine(pixels, matrix, (width, height)), dtype=np.uint8)


def _levels(pixels: Pixels) -> NDArray[np.float32]:
    """Pixels (n, 3) as an image of one line, float32 (1, n, 3) in [0, 1]."""
    return np.asarray(pixels[None], dtype=np.float32) / np.float32(255)


def compare(picture: Picture, match: Match, index: Index) -> Comparison | None:
    """Compare a query with a match; None where the index has no pixels of it (any more).

    They are aligned where a part is seen again, or where that brings the whole closer.
    """
    record = index.find(match.id)
    if record is None or not record.has_pixels:
        return None
    query = view_of(picture, match.view) or picture
    reference = record.picture()
    whole = Comparison(match, query, reference, None)
    aligned = replace(whole, alignment=align(query.features, reference.features))
    if match.region is None:
        distances = match.distances
        helps = distances["aligned_structure"] < distances["structure"]
    else:
        helps = is_part(match.region) or aligned.rms < whole.rms
    return aligned if helps else whole
