"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from typer.core import TyperCommand

from memguard.defaults import PULLED
from memguard.errors import ConfigurationError

IndexArgument = Annotated[Path, typer.Argument(metavar="INDEX", help="An index directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Clip = Annotated[str, typer.Option(help="CLIP: an architecture of open_clip.")]
ClipWeights = Annotated[
    str,
    typer.Option(help="CLIP: pretrained tag, checkpoint file or directory, or hf-hub:ORG/NAME."),
]
Sscd = Annotated[
    Optional[str],
    typer.Option(
        metavar="[WEIGHTS]",
        help="SSCD too: Meta's weights, downloaded unless they are here; or a TorchScript or ONNX "
        "file, or 'installed'.",
    ),
]
WeightsNow = Annotated[
    Optional[str], typer.Option(help="The new place of the index's weights, if they have moved.")
]
Weights = Annotated[
    Optional[list[str]],
    typer.Option("--weights", metavar="NAME=WEIGHTS", help="Weights of another descriptor."),
]
Thorough = Annotated[
    bool, typer.Option("--thorough", help="Compare parts of images too, as thorough guards do.")
]
Images = Annotated[
    str,
    typer.Argument(
        metavar="IMAGES",
        help="A folder, tar shards, Parquet, a list of URLs, hf:NAME, or embeddings.",
    ),
]
SourceOptions = Annotated[
    Optional[list[str]],
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="How to read IMAGES: caption, rights, image, column, split, config or model.",
    ),
]
Workers = Annotated[
    Optional[int], typer.Option(min=0, help="Decoding processes; by default one per core.")
]
Memory = Annotated[
    Optional[str], typer.Option(help="Memory for searches, like 4GB; by default no limit.")
]


class BareSscd(TyperCommand):
    """A command whose ``--sscd`` may have no value; it then means the pulled weights."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = []
        for arg, after in zip(args, [*args[1:], "-"]):
            bare = arg == "--sscd" and after.startswith("-")
            given += [arg, PULLED] if bare else [arg]
        return super().parse_args(ctx, given)


def weights_of(clip: str | None, sscd: str | None, others: Sequence[str] | None) -> dict[str, str]:
    """The ``weights`` of the Python API, from ``--clip-weights``, ``--sscd`` and ``--weights``.

    Raises:
        ConfigurationError: one of ``others`` is not NAME=WEIGHTS.
    """
    named = {"clip": clip, "sscd": sscd}
    return {name: value for name, value in named.items() if value is not None} | named_values(
        "--weights", others, metavar="NAME=WEIGHTS"
    )


def named_values(
    option: str, values: Sequence[str] | None, metavar: str = "NAME=VALUE"
) -> dict[str, str]:
    """The values of an option that takes NAME=VALUE, by name.

    Raises:
        ConfigurationError: one is not NAME=VALUE.
    """
    named = {}
    for given in values or ():
        name, equals, value = given.partition("=")
        if not (name and equals):
            raise ConfigurationError(f"{option} takes {metavar}, not {given!r}")
        named[name] = value
    return named
