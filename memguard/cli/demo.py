"""Commands to start with: the demo, model weights, the version."""

from __future__ import annotations

from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from memguard._version import __version__
from memguard.cli.console import out, progress
from memguard.cli.options import Clip, ClipWeights
from memguard.defaults import CLIP_MODEL, CLIP_WEIGHTS, DEMO_SAMPLES
from memguard.settings import cache_folder

DOWNLOAD_RESUMES = "what was downloaded is kept. Run the same command again: it continues"
DEMO_RESUMES = "the model is kept once it is trained; before that, the demo begins anew"


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

    with progress("Training", stopped=DEMO_RESUMES) as show:
        result = run_demo(folder, cache_folder() / "demo", samples=samples, on_step=show)
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


class Pullable(str, Enum):
    """Models whose weights can be downloaded."""

    clip = "clip"
    sscd = "sscd"


def pull(
    model: Annotated[Pullable, typer.Argument(help="Which model.")] = Pullable.clip,
    clip: Clip = CLIP_MODEL,
    clip_weights: ClipWeights = CLIP_WEIGHTS,
) -> None:
    """Download weights, and print their path.

    CLIP's go into Hugging Face's cache. SSCD's, by Meta and under the MIT licence, go into
    memguard's ($MEMGUARD_CACHE, by default ~/.cache/memguard).
    """
    if model is Pullable.sscd:
        from memguard.descriptors.sscd import pull as pull_sscd

        with progress("Downloading", stopped=DOWNLOAD_RESUMES) as show:
            file = pull_sscd(partial(show, "Downloading"))
    else:
        from memguard.descriptors.clip import pull as pull_clip

        file = pull_clip(clip, clip_weights)
    out.print(escape(str(file)))


def version() -> None:
    """Print memguard's version."""
    out.print(__version__)
