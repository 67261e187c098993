"""The checkpoint of a build: its descriptors, and how far it has come in its sources.

The file is replaced after every committed step, and deleted when the build has finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import BuildError
from memguard.files import from_json, read_checked, write_checked
from memguard.index.store.manifest import BUILDING


class SourceProgress(msgspec.Struct, frozen=True):
    """How far a source has been committed.

    Attributes:
        position: of the last item (:attr:`memguard.sources.base.Item.position`); empty at the
            beginning.
        items: number of items up to it.
    """

    position: str
    items: int


START = SourceProgress("", 0)


class Checkpoint(msgspec.Struct, frozen=True):
    """The state from which a build resumes.

    Attributes:
        descriptors: what the build computes.
        sources: source name to its progress.
    """

    descriptors: Sequence[DescriptorSpec]
    sources: dict[str, SourceProgress] = msgspec.field(name="reached", default_factory=dict)

    @classmethod
    def read(cls, directory: Path) -> Checkpoint | None:
        """The checkpoint of the last build, or None if that finished.

        Raises:
            BuildError: the file is damaged.
        """
        try:
            return from_json(read_checked((directory / BUILDING).read_bytes()), cls)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise BuildError(
                f"{directory / BUILDING} is damaged ({error}); delete it, and run the same command "
                "again: it resumes from what the tables hold"
            ) from error

    def write(self, directory: Path) -> None:
        """Replace the directory's checkpoint in one atomic step."""
        write_checked(directory / BUILDING, msgspec.to_builtins(self))

    def advanced(self, source: str, progress: SourceProgress) -> Checkpoint:
        """The checkpoint after another step of a source."""
        return Checkpoint(self.descriptors, {**self.sources, source: progress})
