"""A view of a query and one candidate, with what several signals need of the pair."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.vision.alignment import Alignment, align, aligned_correlation
from memguard.vision.cached import cached_property
from memguard.vision.foreground import foreground_distance
from memguard.vision.picture import SQUARE_PX, Picture
from memguard.vision.pixel_distances import Images, l2, tile_l2
from memguard.vision.shared_region import SharedRegion, find_shared_region


class PicturePair:
    """Two pictures; what signals share is computed once, on first use.

    Attributes:
        query: one view of the query.
        reference: the candidate.
    """

    def __init__(self, query: Picture, reference: Picture) -> None:
        self.query = query
        self.reference = reference

    @cached_property
    def alignment(self) -> Alignment | None:
        """The affine map from query to reference that most local features agree on."""
        return align(self.query.features, self.reference.features)

    @cached_property
    def agreement(self) -> float:
        """Correlation of the aligned pictures, in [-1, 1]; 0 without alignment."""
        if self.alignment is None:
            return 0.0
        transform = self.alignment.transform
        return aligned_correlation(self.query.plane, self.reference.plane, transform)[0]

    @cached_property
    def shared_region(self) -> SharedRegion | None:
        """The region of the reference that the aligned query shows again; None without one."""
        if self.alignment is None:
            return None
        transform = self.alignment.transform
        return find_shared_region(self.query.pixels, self.reference.pixels, transform)

    @cached_property
    def foreground_distance(self) -> float:
        """How much the query differs inside the reference's outline; 0 without a foreground."""
        foreground = self.reference.foreground
        return 0.0 if foreground is None else foreground_distance(self.query.small, foreground)

    @cached_property
    def sorted_tiles(self) -> NDArray[np.float32]:
        """The l2 of the 16 tiles after :func:`align_square`, float32 (16,), ascending."""
        square = align_square(self.query, self.reference, self.alignment)
        return np.sort(tile_l2(square, self.reference.square[None]), axis=None)


def align_square(query: Picture, reference: Picture, alignment: Alignment | None) -> Images:
    """The query's square as its pixels are compared with the reference's.

    A small alignment (``Alignment.is_small``) is undone by OpenCV's warp if that brings the two
    closer. Where the query then ends, its edge is replicated.

    Returns:
        float32 (SQUARE_PX, SQUARE_PX, 3) in [0, 1].
    """
    if alignment is None or not alignment.is_small:
        return query.square
    here, there = query.pixels.shape[1::-1], reference.pixels.shape[1::-1]
    matrix = alignment.transform / (np.array(there)[:, None] / max(there))
    matrix[:, :2] *= np.array(here) / max(here)
    matrix[:, 2] *= SQUARE_PX
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    size = (SQUARE_PX, SQUARE_PX)
    warped = cv2.warpAffine(query.square, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    squares = np.stack([query.square, warped])
    return np.asarray(squares[l2(reference.square, squares).argmin()])
