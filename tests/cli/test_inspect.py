"""``memguard info`` and ``memguard duplicates``."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from fixtures.calibrations import MEMORIZED, Calibrated
from fixtures.command_line import invoked, memguard
from fixtures.html_page import Page

from memguard import __version__
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
    assert info["fingerprint"] == json.loads((index / "manifest.json").read_text())["sha256"]
    age = datetime.now(timezone.utc) - datetime.fromisoformat(info["created"])
    assert timedelta() <= age < timedelta(hours=1)
    assert info["written_by"] == __version__
    assert (info["calibration"], info["calibrated"]) == (None, None)


def test_info_of_a_calibrated_index(calibrated: Calibrated) -> None:
    info = json.loads(invoked("info", calibrated.path, "--json").stdout)["calibration"]
    assert info["method"] == "held-out"
    assert info["memorized"]["target"] == MEMORIZED
    assert datetime.fromisoformat(info["made"]).tzinfo is not None
    assert any("set aside" in warning for warning in info["warnings"])

    done = memguard("info", calibrated.path, COLUMNS="80")
    printed = done.stdout
    for word in ("held-out: ", "target FPR", "blocks at or below", "copy_evidence", "jpeg 30"):
        assert word in printed
    assert re.search(r"Calibration of \d{4}-\d\d-\d\d \d\d:\d\d UTC, on 4 images", printed)
    assert "warning " in printed
    tables = [line for line in printed.splitlines() if line[:1] in "┏┡└│┃"]
    assert max(map(len, tables)) <= 80


def test_info_says_that_an_index_is_not_calibrated(built: tuple[Path, BuildSummary]) -> None:
    assert f"Run `memguard calibrate {built[0]}`" in invoked("info", built[0]).stdout


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


def test_a_page_of_the_duplicates(gallery: Path, tmp_path: Path) -> None:
    options = ["--html", tmp_path / "x.html", "--redundant", tmp_path / "list.txt"]
    done = invoked("duplicates", gallery, *options)
    assert f"The page: {tmp_path}/x.html\nThe list: {tmp_path}/list.txt\n" in done.stdout
    page = Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert page.words("cluster-1").startswith("3 files: a cat")
