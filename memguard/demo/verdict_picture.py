"""The clearest copies of the demo: what the model made, the training image, the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from memguard._optional import require
from memguard.verdict import Verdict

INCHES = (9.6, 2.45)
DOTS_PER_INCH = 125
GAP = 0.25
"""Between examples, in widths of a picture."""

BLOCKED_COLOUR = "#b91c1c"


@dataclass(frozen=True)
class Example:
    """A sample, its closest training image, and the verdict on it, which has a match."""

    made: Image.Image
    reference: Image.Image
    verdict: Verdict


def write_verdict_picture(path: Path, examples: Sequence[Example]) -> None:
    """Write a PNG of these examples, from left to right."""
    figure_module = require("matplotlib.figure", extra="demo")
    figure = figure_module.Figure(figsize=INCHES, dpi=DOTS_PER_INCH)
    pair = 2 + GAP
    unit = 0.99 / (len(examples) * pair - GAP)
    for number, example in enumerate(examples):
        left = 0.005 + number * pair * unit
        for place, image, title in (
            (0.0, example.made, "generated"),
            (1.0, example.reference, "training image"),
        ):
            panel = figure.add_axes((left + place * unit, 0.27, 0.96 * unit, 0.6))
            panel.imshow(image.convert("RGB"), interpolation="nearest", aspect="auto")
            panel.set_title(title, fontsize=10)
            panel.axis("off")
        label, evidence = _words(example.verdict)
        figure.text(left, 0.13, label, fontsize=13, weight="bold", color=BLOCKED_COLOUR)
        figure.text(left, 0.03, evidence, fontsize=9)
    figure.savefig(path)


def _words(verdict: Verdict) -> tuple[str, str]:
    signal = max(verdict.signals, key=lambda signal: signal.evidence)
    name = signal.name.replace("_", " ")
    return verdict.label, f"{name} {signal.distance:.2f}, blocked up to {signal.memorized:.2f}"
