"""What a second core brings: images of a batch at once, and a check beside the next generation.

Wall time, so the machine must be quiet. The "generation" is a small U-Net of random weights on one
core, which stands for work that is done elsewhere, on a GPU; it hands out pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from PIL import Image

from memguard import Guard
from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.index import Index

BATCH = 8
THREADS = 2
ROUNDS = 3
"""Of which the quickest counts: other work only lengthens them."""
UNET_PX = 64
STEPS = 8
"""Of the U-Net: about as long as a check."""


def batches(index: Index, images: Sequence[Image.Image]) -> dict[str, float]:
    """Milliseconds of wall time an image, in batches, on one thread and on two."""
    figures, descriptors = {}, load_descriptors(index.specs)
    for threads in (1, THREADS):
        detect = Detector(index, descriptors, threads=threads).detect
        figures[f"ms on {threads}"] = _quickest(partial(_in_batches, detect, images), len(images))
    figures["times as quick"] = round(figures["ms on 1"] / figures[f"ms on {THREADS}"], 2)
    return figures


def beside_generation(index: Index, images: Sequence[Image.Image]) -> dict[str, float]:
    """Milliseconds of wall time a call: unguarded, guarded, and with ``Guard.each``."""
    watch = Guard(index, policy="flag", threads=1)
    draw = _generation()
    checked = watch.wrap(draw)
    calls: list[Mapping[str, Image.Image]] = [{"picture": image} for image in images]
    ways: dict[str, Callable[[], object]] = {
        "alone": lambda: [draw(**call) for call in calls],
        "guarded": lambda: [checked(**call) for call in calls],
        "each": lambda: list(watch.each(checked, calls)),
    }
    return {f"ms {name}": _quickest(way, len(calls)) for name, way in ways.items()}


def _generation() -> Callable[..., Image.Image]:
    import torch
    from diffusers import UNet2DModel

    unet = UNet2DModel(sample_size=UNET_PX, block_out_channels=(32, 64, 64, 64)).eval()

    @torch.inference_mode()
    def draw(picture: Image.Image) -> Image.Image:
        sample = torch.zeros(1, 3, UNET_PX, UNET_PX)
        for step in range(STEPS):
            sample = unet(sample, step).sample
        return picture

    return draw


def _in_batches(
    detect: Callable[[Sequence[Image.Image]], object], images: Sequence[Image.Image]
) -> None:
    for start in range(0, len(images), BATCH):
        detect(images[start : start + BATCH])


def _quickest(work: Callable[[], object], images: int) -> float:
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return round(1000 * min(seconds) / images, 1)
