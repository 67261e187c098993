"""What an index knows of a match beyond its pixels, asked for in one place."""

from __future__ import annotations

from memguard.index import Index
from memguard.verdict import Match


def duplicates_of(match: Match) -> int:
    """How often the training set holds the matching image."""
    return match.copies


def rights_of(match: Match) -> str | None:  # noqa: ARG001
    """The licence or copyright notice that came with the matching image."""
    return None


def duplicates_in(index: Index, id: str) -> int:
    """How often the training set holds this reference."""
    return index.copies(id)
