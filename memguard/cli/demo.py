"""Commands to start with: the demo, model weights, the version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from memguard._version import __version__
from memguard.cli.console import out, progress
from memguard.cli.options import Clip, ClipWeights
from memguard.defaults import CLIP_MODEL, CLIP_WEIGHTS, DEMO_SAMPLES


def demo(
    folder: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the demo's files.")
    ] = Path("memguard-demo"),
    samples: Annotated[int, typer.Option(min=1, help="Images to generate.")] = DEMO_SAMPLES,
) -> None:
    """Train a small model that memorizes, guard it, and see its copies blocked."""
    from memguard._optional import require

    for module in ("diffusers", "skimage"):
        require(module, extra="demo")
    from memguard.demo.run import run_demo

    cache = Path(typer.get_app_dir("memguard")) / "demo"
    with progress("Training") as show:
        result = run_demo(folder, cache, samples=samples, on_step=show)
    blocked, similar = result.count("memorized"), result.count("similar")
    out.print(
        f"{len(result.verdicts)} samples: [bold red]{blocked} memorized and blocked[/] "
        f"(copies of {result.distinct} training images), [yellow]{similar} similar and "
        f"flagged[/], [green]{len(result.verdicts) - blocked - similar} passed[/]"
    )
    for verdict in result.examples():
        out.print(f"  for example: {escape(verdict.why)}")
    out.print(
        f"Each blocked sample with its training image: [bold]{escape(str(result.picture))}[/]"
    )
    if result.verdict_picture is not None:
        out.print(f"The clearest, with their verdicts: {escape(str(result.verdict_picture))}")
    out.print(f"The index: {escape(str(result.index))} (`memguard info`, `memguard check`)")


def pull(clip: Clip = CLIP_MODEL, clip_weights: ClipWeights = CLIP_WEIGHTS) -> None:
    """Download CLIP weights into Hugging Face's cache, and print their path."""
    from memguard.descriptors.clip import pull as pull_weights

    out.print(str(pull_weights(clip, clip_weights)))


def version() -> None:
    """Print memguard's version."""
    out.print(__version__)
