"""What a build that has not finished leaves: its descriptors, and how far it came in its sources.

The file is replaced after every committed step, and goes when the build has finished.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import BuildError
from memguard.files import read_checked, write_checked
from memguard.index.store.manifest import BUILDING, specs_from_json


@dataclass(frozen=True)
class Reached:
    """How far a source has been committed.

    Attributes:
        position: of the last item (:attr:`memguard.sources.base.Item.position`).
        items: how many there were up to it.
    """

    position: str
    items: int


@dataclass(frozen=True)
class Unfinished:
    """A build that has not finished.

    Attributes:
        descriptors: what it computes.
        reached: source name to how far it was committed.
    """

    descriptors: Sequence[DescriptorSpec]
    reached: dict[str, Reached] = field(default_factory=dict)

    @classmethod
    def read(cls, directory: Path) -> Unfinished | None:
        """What the last build left, or None if it finished.

        Raises:
            BuildError: the file is damaged.
        """
        try:
            data = read_checked((directory / BUILDING).read_bytes())
            return cls(
                specs_from_json(data["descriptors"]),
                {name: Reached(**reached) for name, reached in data["reached"].items()},
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BuildError(
                f"{directory / BUILDING} is damaged ({error}); delete it, and run the same command "
                "again: it resumes from what the tables hold"
            ) from error

    def write(self, directory: Path) -> None:
        """Replace the directory's file in one atomic step."""
        write_checked(
            directory / BUILDING,
            {
                "descriptors": [dataclasses.asdict(spec) for spec in self.descriptors],
                "reached": {name: vars(reached) for name, reached in self.reached.items()},
            },
        )
