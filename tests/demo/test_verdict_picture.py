"""The picture of the demo's clearest copies."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from PIL import Image

from memguard.demo.verdict_picture import Example, write_verdict_picture
from memguard.verdict import Match, Signal, Verdict

VERDICT = Verdict(
    "memorized",
    1.5,
    signals=(Signal("structure", 0.05, 0.30, 0.26),),
    matches=(Match("0" * 32, "photos/cat.png", "as is", {"structure": 0.05}),),
)


@pytest.mark.parametrize("count", [1, 3])
def test_each_example_shows_both_pictures(tmp_path: Path, count: int) -> None:
    red, blue = (Image.new("RGB", (24, 24), colour) for colour in ("#ff0000", "#0000ff"))
    write_verdict_picture(tmp_path / "verdict.png", [Example(red, blue, VERDICT)] * count)
    row = Image.open(tmp_path / "verdict.png").convert("RGB")
    middle = [row.getpixel((x, row.height // 2)) for x in range(row.width)]
    changes = [after for before, after in itertools.pairwise(middle) if after != before]
    assert changes.count((255, 0, 0)) == count
    assert changes.count((0, 0, 255)) == count
