"""The cases: generated images, and the reference that each copies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Kind = Literal["copies", "template", "novel"]
"""A copy repeats a reference, a template copy a part of it; a novel image copies nothing."""


@dataclass(frozen=True)
class Case:
    """A generated image.

    Attributes:
        path: the file.
        kind: the folder that it lies in.
        reference: name of the reference that it copies, without its ending; of a novel image the
            prompt's name.
    """

    path: Path
    kind: Kind
    reference: str

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.path.name}"


def read_cases(data: Path) -> list[Case]:
    """All cases of a folder with the subfolders ``copies``, ``template`` and ``novel``.

    A file is named REFERENCE__SOURCE__NUMBER; ``train`` holds the references, REFERENCE and
    REFERENCE__alt.

    Raises:
        FileNotFoundError: a subfolder is missing.
    """
    return [
        Case(path, kind, path.name.split("__")[0])
        for kind in get_args(Kind)
        for path in sorted((data / kind).iterdir())
    ]
