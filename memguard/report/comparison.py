"""A query compared pixel by pixel with the reference that its verdict names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.detection.picture_pair import align_square
from memguard.detection.signals import CopyEvidence
from memguard.detection.views import view_of
from memguard.index import Index
from memguard.verdict import Match
from memguard.vision.alignment import Alignment, align
from memguard.vision.picture import Picture
from memguard.vision.pixel_distances import l2, masked_tiled_l2, match_tones, tile_l2

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
    def toned_rms(self) -> float:
        """The l2 once brightness, contrast and colours are matched."""
        toned = match_tones(self._square, self.reference.square[None])
        return float(l2(self._square, toned)[0])

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

    def _warped(self, pixels: Pixels) -> Pixels:
        height, width = self.reference.pixels.shape[:2]
        matrix = self.placement.copy()
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
        return np.asarray(cv2.warpAffine(pixels, matrix, (width, height)), dtype=np.uint8)


def compare(picture: Picture, match: Match, index: Index) -> Comparison | None:
    """Compare a query with a match; None where the index has no pixels of it (any more).

    They are aligned where that brings the whole closer, or shows a region again.
    """
    record = index.find(match.id)
    if record is None or not record.has_pixels:
        return None
    query = view_of(picture, match.view) or picture
    reference = record.picture()
    distances = match.distances
    helps = (
        distances["aligned_structure"] < distances["structure"]
        or distances["shared_region"] <= CopyEvidence.default.similar
    )
    alignment = align(query.features, reference.features) if helps else None
    return Comparison(match, query, reference, alignment)
