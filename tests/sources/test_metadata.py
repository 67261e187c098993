"""Which columns say what."""

from __future__ import annotations

import json

import pytest

from memguard.errors import ConfigurationError
from memguard.sources.metadata import Columns, described


def test_columns_of_laion() -> None:
    names = ["SAMPLE_ID", "URL", "TEXT", "HEIGHT", "WIDTH", "LICENSE", "NSFW", "similarity"]
    columns = Columns.among(names)
    assert columns.names == ["TEXT", "URL", "LICENSE"]
    row = {"URL": "http://h/a.jpg", "TEXT": " a cat ", "LICENSE": "?"}
    assert columns.described(row) == {
        "caption": "a cat",
        "url": "http://h/a.jpg",
        "rights": None,
    }
    assert columns.described({**row, "LICENSE": "CC0"})["rights"] == "licence: CC0"


def test_metadata_of_img2dataset() -> None:
    metadata = {
        "caption": None,
        "url": "http://h/a.jpg",
        "exif": json.dumps({"Image Copyright": "(c) Ann", "Image Artist": "Bo"}),
        "sha256": "00",
    }
    assert described(metadata) == {
        "caption": None,
        "url": "http://h/a.jpg",
        "rights": "(c) Ann; by Bo",
    }


def test_everything_that_says_who_holds_the_rights() -> None:
    said = described({"copyright": "(c) Ann", "License": "CC-BY", "artist": "Bo", "credit": ""})
    assert said["rights"] == "(c) Ann; licence: CC-BY; by Bo"


def test_named_columns_come_first() -> None:
    names = ["caption", "long_caption", "license", "terms"]
    columns = Columns.among(names, caption="long_caption", rights="terms")
    row = {"caption": "a", "long_caption": "b", "license": "c", "terms": "d"}
    assert columns.described(row) == {"caption": "b", "url": None, "rights": "d"}


@pytest.mark.parametrize("option", ["caption", "rights"])
def test_a_named_column_that_is_not_there(option: str) -> None:
    with pytest.raises(ConfigurationError, match="no column prose; the columns are a, b"):
        Columns.among(["a", "b"], **{option: "prose"})


@pytest.mark.parametrize(
    ("value", "caption"),
    [(["first", "second"], "first"), (b"bytes", "bytes"), (7, None), ("  ", None), ([], None)],
)
def test_captions_of_all_kinds(value: object, caption: str | None) -> None:
    assert described({"caption": value})["caption"] == caption


@pytest.mark.parametrize(
    "exif", ["{broken", "[" * 100_000, "[1]", None, 7, {"Image Copyright": "x"}]
)
def test_exif_of_all_kinds(exif: object) -> None:
    assert described({"exif": exif})["rights"] in (None, "x")
