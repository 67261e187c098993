"""The manifest: JSON in and out, replaced whole, refused when it is not right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memguard.descriptors import weightless_descriptors
from memguard.errors import IndexUnavailableError
from memguard.files import read_checked, write_checked
from memguard.index.ann.planner import AnnChoice
from memguard.index.store.manifest import MANIFEST_NAME, AnnFile, Manifest, PinnedFile

MANIFEST = Manifest(
    descriptors=tuple(one.spec for one in weightless_descriptors()),
    revision=7,
    generation=1,
    records_version=3,
    files_version=4,
    rows=14,
    records=10,
    with_rights=2,
    unreadable=1,
    canaries=(0, 1, 2),
    ann={
        "phash64": AnnFile(
            (PinnedFile("ann/phash64-3.faiss", 80, "a" * 64),), AnnChoice("BFlat", 80)
        )
    },
    lists={"removed": PinnedFile("lists/removed-7.npy", 136, "b" * 64)},
    memory=10**9,
    written_by="0.1.0",
)


def test_round_trip(tmp_path: Path) -> None:
    MANIFEST.write(tmp_path / MANIFEST_NAME)
    assert Manifest.read(tmp_path) == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST_NAME]


def test_a_write_that_fails_leaves_the_old_bytes(tmp_path: Path) -> None:
    write_checked(tmp_path / "file.json", {"a": 1})
    with pytest.raises(TypeError):
        write_checked(tmp_path / "file.json", {"a": object()})
    assert read_checked((tmp_path / "file.json").read_bytes()) == {"a": 1}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "there is no index at .*nowhere; make one with `memguard build"),
        ("empty", "empty is no memguard index; make one with `memguard build"),
        ("file", "file is no memguard index"),
        ("unfinished", "is an unfinished build; run the same `memguard build` command again"),
    ],
)
def test_directories_without_one(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("{}")
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "building.json").write_text("[]")
    with pytest.raises(IndexUnavailableError, match=message):
        Manifest.read(tmp_path / path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:100],
        lambda text: "",
        lambda text: "[]",
        lambda text: "3",
        lambda text: text.replace('"records"', '"recs"'),
        lambda text: text.replace('"ann": {', '"ann": [], "b": {'),
        lambda text: text.replace('"dimension"', '"dim"'),
        lambda text: "\x00\xff",
    ],
)
def test_damage(tmp_path: Path, damage: object) -> None:
    MANIFEST.write(tmp_path / MANIFEST_NAME)
    text = (tmp_path / MANIFEST_NAME).read_text()
    (tmp_path / MANIFEST_NAME).write_text(damage(text), encoding="latin-1")  # type: ignore[operator]
    with pytest.raises(IndexUnavailableError, match=r"manifest .* is damaged .*build the index"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"revision": 7', '"revision": 7, "colour": 1'),
        ('"nprobe": 0', '"nprobe": 0, "efSearch": 16'),
        ('"bytes": 136', '"bytes": 136, "crc": 5'),
        ('"dimension": 64', '"dimension": 64, "device": "cpu"'),
    ],
)
def test_unknown_keys_are_not_ignored(tmp_path: Path, old: str, new: str) -> None:
    """They may change how an index must be searched."""
    MANIFEST.write(tmp_path / MANIFEST_NAME)
    data = read_checked((tmp_path / MANIFEST_NAME).read_bytes())
    text = json.dumps(data)
    assert old in text
    write_checked(tmp_path / MANIFEST_NAME, json.loads(text.replace(old, new)))
    with pytest.raises(IndexUnavailableError, match=r"manifest .* is damaged .*unknown key"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("path", ["/etc/passwd", "../other.memguard/ann/x", "ann/../../x"])
def test_files_outside_the_index_are_refused(tmp_path: Path, path: str) -> None:
    MANIFEST.write(tmp_path / MANIFEST_NAME)
    text = json.dumps(read_checked((tmp_path / MANIFEST_NAME).read_bytes()))
    write_checked(tmp_path / MANIFEST_NAME, json.loads(text.replace("lists/removed-7.npy", path)))
    with pytest.raises(IndexUnavailableError, match=r"damaged .*names a file outside the index"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(
    ("format", "advice"),
    [
        (1, "memguard build IMAGES -o NAME"),
        (2, "memguard build IMAGES -o NAME"),
        (None, "memguard build IMAGES -o NAME"),
        (4, "pip install -U memguard"),
        (99, "pip install -U memguard"),
    ],
)
def test_another_format(tmp_path: Path, format: int | None, advice: str) -> None:
    MANIFEST.write(tmp_path / MANIFEST_NAME)
    data = json.loads((tmp_path / MANIFEST_NAME).read_text())
    write_checked(tmp_path / MANIFEST_NAME, {**data, "format": format, "something": "new"})
    with pytest.raises(IndexUnavailableError, match=f"format {format}, this .* {advice}"):
        Manifest.read(tmp_path)
