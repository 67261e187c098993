"""An image with what descriptors and verification derive from it, each computed at most once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.vision.alignment import grey
from memguard.vision.cached import cached_property
from memguard.vision.decode import to_rgb
from memguard.vision.foreground import Foreground, find_foreground
from memguard.vision.layout import Layout, layout_in, shorten
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
    def image(self) -> Image.Image:
        """The image, upright RGB."""
        return Image.fromarray(self.levels)

    @cached_property
    def levels(self) -> NDArray[np.uint8]:
        """The image as RGB levels, uint8 (h, w, 3)."""
        return np.asarray(self.image)

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The image scaled to the longer edge FEATURE_EDGE_PX, uint8 (h, w, 3)."""
        edges = self.levels.shape[1::-1]
        scale = FEATURE_EDGE_PX / max(edges)
        size = [max(MIN_EDGE_PX, round(edge * scale)) for edge in edges]
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(self.levels, size, interpolation=method))

    def luma(self, edge: int) -> NDArray[np.uint8]:
        """Pillow's grey levels in a square of that edge, by Lanczos' filter, uint8 (edge, edge)."""
        if edge not in self._lumas:
            small = self._grey.resize((edge, edge), Image.Resampling.LANCZOS)
            self._lumas[edge] = np.asarray(small)
        return self._lumas[edge]

    @cached_property
    def _grey(self) -> Image.Image:
        return self.image.convert("L")

    @cached_property
    def _lumas(self) -> dict[int, NDArray[np.uint8]]:
        return {}

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
    def layout(self) -> Layout:
        """The coarse structure, shortened."""
        return shorten(self.coarse)

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
        """The mirror image; what is known of it is derived from this one."""
        return _Derived(self, self._all_features[1], lambda levels: levels[:, ::-1])

    def inverted(self) -> Picture:
        """The negative; what is known of it is derived from this one."""
        return _Derived(self, self._all_features[2], lambda levels: _WHITE[levels.dtype] - levels)

    @cached_property
    def _all_features(self) -> tuple[LocalFeatures, LocalFeatures, LocalFeatures]:
        return local_features(self.pixels)


class Thumbnail(Picture):
    """A reference, decoded when its pixels are needed.

    Args:
        data: an encoded RGB image, which its layout may follow.
        features: its local features, if they are known.

    Raises:
        ValueError: by what needs the pixels, if the data is no image.
    """

    def __init__(self, data: bytes, features: LocalFeatures | None = None) -> None:
        self._data = data
        if features is not None:
            self.features = features
        layout = layout_in(data)
        if layout is not None:
            self.layout = layout

    @cached_property
    def levels(self) -> NDArray[np.uint8]:
        # the levels that Pillow decodes, in two thirds of its time
        levels = cv2.imdecode(
            np.frombuffer(self._data, np.uint8),
            cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
        )
        if levels is None:
            raise ValueError("the thumbnail of a reference is damaged")
        return np.asarray(levels, dtype=np.uint8)


_WHITE: Mapping[np.dtype[Any], np.uint8 | np.float32] = {
    np.dtype(np.uint8): np.uint8(255),
    np.dtype(np.float32): np.float32(1),
}


class _Derived(Picture):
    """A view whose levels at every size are those of another picture, moved or changed one by one.

    Args:
        base: the other picture.
        features: the view's local features.
        change: from levels, (h, w) or (h, w, 3), of the other to those of the view.
    """

    def __init__(
        self, base: Picture, features: LocalFeatures, change: Callable[[Any], Any]
    ) -> None:
        self._base = base
        self._change = change
        self.features = features

    @cached_property
    def levels(self) -> NDArray[np.uint8]:
        return self._of(self._base.levels)

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        return self._of(self._base.pixels)

    @cached_property
    def plane(self) -> NDArray[np.float32]:
        return self._of(self._base.plane)

    @cached_property
    def small(self) -> NDArray[np.float32]:
        return self._of(self._base.small)

    @cached_property
    def square(self) -> NDArray[np.float32]:
        return self._of(self._base.square)

    def luma(self, edge: int) -> NDArray[np.uint8]:
        return self._of(self._base.luma(edge))

    def _of(self, levels: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(self._change(levels))
