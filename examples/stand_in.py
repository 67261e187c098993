"""A stand-in for your pipeline, which has memorized ``photos/cat.png``.

Any diffusers pipeline, or any callable that returns images, can take its place.
"""

from PIL import Image


def pipeline(prompt: str) -> list[Image.Image]:
    """One image: the memorized photograph for a prompt with a cat, else a new picture."""
    if "cat" in prompt:
        return [Image.open("photos/cat.png").convert("RGB")]
    return [Image.effect_mandelbrot((384, 384), (-2.0, -1.5, 1.0, 1.5), 100).convert("RGB")]
