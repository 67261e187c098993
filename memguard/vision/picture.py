"""An image with what descriptors and verification derive from it, each computed at most once."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from memguard.vision.alignment import grey
from memguard.vision.decode import to_rgb
from memguard.vision.foreground import Foreground, find_foreground
from memguard.vision.local_features import FEATURE_EDGE_PX, LocalFeatures, local_features
from memguard.vision.structure import coarse_structure, small_square

SQUARE_PX = 128
"""Edge of the square on which pixel distances are measured: 16 tiles of 32 px."""

MIN_EDGE_PX = 16
"""Shorter edge of a long strip after shrinking."""

BLANK_STD = 0.02
"""An image is blank if its levels' standard deviation is below this, in levels of 1 (5 of 255).
Blank images resemble each other and prove no copying."""


class Picture:
    """A query, its mirror image or negative, or a reference.

    Args:
        image: any Pillow image.
        features: its local features, if they are known.
    """

    def __init__(self, image: Image.Image, features: LocalFeatures | None = None) -> None:
        self.image = to_rgb(image)
        if features is not None:
            self.features = features

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The image scaled to the longer edge FEATURE_EDGE_PX, uint8 (h, w, 3)."""
        scale = FEATURE_EDGE_PX / max(self.image.size)
        size = [max(MIN_EDGE_PX, round(edge * scale)) for edge in self.image.size]
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(np.asarray(self.image), size, interpolation=method))

    @cached_property
    def features(self) -> LocalFeatures:
        """The local features of :attr:`pixels`."""
        return self._all_features[0]

    @cached_property
    def plane(self) -> NDArray[np.float32]:
        """Grey levels for :func:`memguard.vision.alignment.aligned_correlation`."""
        return grey(self.pixels)

    @cached_property
    def small(self) -> NDArray[np.float32]:
        """See :func:`memguard.vision.structure.small_square`."""
        return small_square(self.pixels)

    @cached_property
    def foreground(self) -> Foreground | None:
        """See :func:`memguard.vision.foreground.find_foreground`."""
        return find_foreground(self.small)

    @cached_property
    def coarse(self) -> NDArray[np.float32]:
        """See :func:`memguard.vision.structure.coarse_structure`."""
        return coarse_structure(self.small)

    @cached_property
    def square(self) -> NDArray[np.float32]:
        """The image as float32 (SQUARE_PX, SQUARE_PX, 3) in [0, 1]."""
        square = cv2.resize(self.pixels, (SQUARE_PX, SQUARE_PX), interpolation=cv2.INTER_AREA)
        return np.asarray(square, dtype=np.float32) / np.float32(255)

    @cached_property
    def is_blank(self) -> bool:
        """Whether the image shows almost nothing (:data:`BLANK_STD`)."""
        _, deviations = cv2.meanStdDev(self.square)
        return float(deviations.max()) < BLANK_STD

    def mirrored(self) -> Picture:
        """The mirror image; its features are derived from this one's."""
        image = Image.fromarray(np.ascontiguousarray(np.asarray(self.image)[:, ::-1]))
        return Picture(image, self._all_features[1])

    def inverted(self) -> Picture:
        """The negative; its features are derived from this one's."""
        return Picture(ImageOps.invert(self.image), self._all_features[2])

    @cached_property
    def _all_features(self) -> tuple[LocalFeatures, LocalFeatures, LocalFeatures]:
        return local_features(self.pixels)
