"""``memguard info`` and ``memguard duplicates``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures.command_line import invoked

from memguard.errors import ConfigurationError
from memguard.index.base import BuildSummary


def test_info_as_json(built: tuple[Path, BuildSummary]) -> None:
    index = built[0]
    info = json.loads(invoked("info", index, "--json").stdout)
    assert info["records"] == 60
    assert [spec["name"] for spec in info["descriptors"]] == [
        "phash64",
        "phash256",
        "pixels",
        "vlad",
    ]
    assert list(info["unreadable"]) == [str(index.parent / "images" / "broken.png")]
    assert info["searches"]["phash256"]["kind"] == "BFlat"
    assert info["bytes_per_image"]["vlad"] > 4096
    assert (info["deleted"], info["blocked"], info["format"]) == (0, 0, 3)


def test_an_index_without_duplicates_says_so(
    built: tuple[Path, BuildSummary], tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.png"
    done = invoked("duplicates", built[0], "-o", sheet)
    assert "holds no image twice" in done.stdout
    assert not sheet.exists()


def test_only_as_many_duplicates_as_asked_for(gallery: Path, tmp_path: Path) -> None:
    (row,) = json.loads(invoked("duplicates", gallery, "-n", 1, "--json").stdout)
    assert (row["files"], row["images"]) == (3, 1)
    assert [member["caption"] for member in row["members"]] == ["a cat"]


def test_a_sheet_or_list_that_cannot_be_written(gallery: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the picture cannot be written to"):
        invoked("duplicates", gallery, "-o", tmp_path / "none" / "sheet.png")
    with pytest.raises(ConfigurationError, match="the list cannot be written to"):
        invoked("duplicates", gallery, "--redundant", tmp_path / "none" / "list.txt")
