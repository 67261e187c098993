"""What every index has in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.index.base import BuildSummary, Index, IndexWriter
from memguard.index.open import open_index


def test_it_says_what_it_holds(built: tuple[Path, BuildSummary]) -> None:
    index = open_index(built[0])
    assert repr(index) == (
        f"Index({str(built[0])!r}: 60 references; phash64, phash256, pixels, vlad)"
    )


@pytest.mark.parametrize("interface", [Index, IndexWriter])
def test_an_interface_is_no_index(interface: type) -> None:
    with pytest.raises(TypeError, match="abstract"):
        interface()
