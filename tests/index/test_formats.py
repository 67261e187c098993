"""Indexes that were written once and are kept: what every memguard must still read."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from fixtures.guarded_images import drawing

from memguard import Guard, open_index
from memguard.index.store.manifest import FORMAT
from memguard.lifecycle import verify_index

KEPT = sorted((Path(__file__).parents[1] / "fixtures" / "indexes").glob("format-*.tar.gz"))


def test_the_present_format_is_kept() -> None:
    assert f"format-{FORMAT}.tar.gz" in [path.name for path in KEPT]


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_a_kept_index_opens_and_finds(kept: Path, tmp_path: Path) -> None:
    with tarfile.open(kept) as tar:
        tar.extractall(tmp_path, filter="data")
    index = open_index(tmp_path / "training.memguard")
    assert len(index) == 3
    assert verify_index(index.name).damaged == ()
    verdicts = Guard(index).check([drawing(1), drawing(3), drawing(1000)])
    assert [verdict.label for verdict in verdicts] == ["memorized", "clear", "clear"]
    (match, *_) = verdicts[0].matches
    assert Path(match.uri).name == "1.png"
    assert match.caption == "a caption"
