"""``build_index``: a folder of training images, as an index that a guard can open."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from memguard.descriptors import Descriptor, weightless_descriptors
from memguard.index.builder import BuildSummary, Progress, build
from memguard.sources import Folder

CLIP_MODEL = "ViT-B-32"
CLIP_WEIGHTS = "laion2b_s34b_b79k"
"""The default embedding: OpenCLIP's small model trained on LAION-2B (Schuhmann et al. 2022)."""


def build_index(
    images: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    clip: str | None = CLIP_MODEL,
    clip_weights: str = CLIP_WEIGHTS,
    sscd: str | None = None,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> BuildSummary:
    """Index every image below a folder; resume or grow the index if ``output`` has one.

    Args:
        images: the folder of training images; unreadable files are listed, not fatal.
        output: the index directory, conventionally ``NAME.memguard``.
        clip: an ``open_clip`` architecture, or None for no CLIP.
        clip_weights: a pretrained tag, a checkpoint file or directory, or ``hf-hub:ORG/NAME``;
            downloaded if it is not on this machine.
        sscd: a TorchScript or ONNX file of SSCD, ``"installed"``, or None for no SSCD.
        workers: decoding processes; 0 decodes in this one; by default one per core.
        on_progress: called after every few images.

    Raises:
        BuildError: no images, another build at work here, other descriptors here, a full disk.
        WeightsError: weights absent (found out before any image is read), or not the index's own.
    """
    descriptors = choose_descriptors(clip, clip_weights, sscd)
    source = Folder(images)
    return build(source, output, descriptors, workers=workers, on_progress=on_progress)


def choose_descriptors(clip: str | None, clip_weights: str, sscd: str | None) -> list[Descriptor]:
    """The weightless descriptors, and those whose weights are named.

    Raises:
        WeightsError: weights are neither on this machine nor reachable.
    """
    descriptors = weightless_descriptors()
    if clip is not None:
        from memguard.descriptors.clip import Clip, pull

        pull(clip, clip_weights)
        descriptors.append(Clip(clip, _absolute(clip_weights)))
    if sscd is not None:
        from memguard.descriptors.sscd import Sscd

        descriptors.append(Sscd(_absolute(sscd)))
    return descriptors


def _absolute(weights: str) -> str:
    return str(Path(weights).resolve()) if Path(weights).exists() else weights
