"""What others compute for one image: the yardsticks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from memguard.descriptors import weightless_descriptors
from memguard.vision.picture import Picture

IMAGEDEDUP = """
import sys, time
import numpy as np
from PIL import Image
from imagededup.methods import PHash
images = [np.asarray(Image.open(path).convert("RGB")) for path in sys.argv[1:]]
hasher = PHash(verbose=False)
hasher.encode_image(image_array=images[0])
started = time.process_time()
for image in images:
    hasher.encode_image(image_array=image)
print(1000 * (time.process_time() - started) / len(images))
"""


def bare_descriptors(images: Sequence[Image.Image]) -> float:
    """Milliseconds of the descriptors without weights, of the image as it is."""
    descriptors = weightless_descriptors()

    def describe(image: Image.Image) -> None:
        picture = Picture(image)
        for descriptor in descriptors:
            descriptor.describe([descriptor.prepare(picture)])

    return _mean(describe, images)


def safety_checker(images: Sequence[Image.Image]) -> float:
    """Milliseconds of diffusers' safety checker: CLIP ViT-L/14 of random weights, 224 px."""
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    vision = {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "patch_size": 14,
        "image_size": 224,
        "projection_dim": 768,
    }
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(vision_config=vision, projection_dim=768)
    ).eval()
    processor = CLIPImageProcessor()

    def check(image: Image.Image) -> None:
        with torch.inference_mode():
            pixels = processor(image, return_tensors="pt").pixel_values
            checker(images=[np.asarray(image)], clip_input=pixels)

    return _mean(check, images)


def imagededup(files: Sequence[Path], packages: Path) -> float:
    """Milliseconds of imagededup's PHash.

    Args:
        files: images.
        packages: a folder that holds imagededup.
    """
    command = [sys.executable, "-c", IMAGEDEDUP, *map(str, files)]
    ran = subprocess.run(
        command, env={"PYTHONPATH": str(packages)}, capture_output=True, text=True, check=True
    )
    return float(ran.stdout.split()[-1])


def _mean(work: Callable[[Any], None], images: Sequence[Image.Image]) -> float:
    work(images[0])
    started = time.process_time()
    for image in images:
        work(image)
    return 1000 * (time.process_time() - started) / len(images)
