"""Every item gives one result, with or without an image."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from fixtures.picture_files import decompression_bomb, encoded
from PIL import Image

from memguard.descriptors import weightless_descriptors
from memguard.errors import UnreadableImageError
from memguard.index.ingest.reader import Readable, Unreadable, content_id, read
from memguard.sources import BrokenItem, BytesItem, FileItem, Item
from memguard.sources.base import RETRY
from memguard.sources.cursor import file_state
from memguard.vision.picture import Picture

PREPARE = {one.spec.name: one.prepare for one in weightless_descriptors()}


def item_at(path: Path) -> FileItem:
    return FileItem(uri=str(path), state=file_state(path), path=path)


def test_an_image(cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "cat.jpg"
    path.write_bytes(encoded(cat, "JPEG", exif=exif))
    item = FileItem(uri=str(path), state=file_state(path), path=path, caption="a cat")
    (result,) = read([item], PREPARE)
    assert isinstance(result, Readable)
    assert result.item is item
    assert result.state == item.state
    assert result.id == hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    assert (result.width, result.height) == (cat.height, cat.width)
    assert {name: array.shape for name, array in result.prepared.items()} == {
        "phash64": (8,),
        "phash256": (32,),
        "pixels": (768,),
        "vlad": (2048,),
    }
    turned = Picture(cat.rotate(-90, expand=True))
    assert float(result.prepared["pixels"] @ PREPARE["pixels"](turned)) > 0.99
    np.testing.assert_allclose(result.prepared["pixels"], PREPARE["pixels"](turned), atol=0.05)


def test_files_without_an_image_keep_their_place_and_their_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "text.png").write_text("hello")
    Image.new("RGB", (2, 2)).save(tmp_path / "good.png")
    names = ["empty.jpg", "good.png", "folder.jpg", "text.png", "gone.png"]
    items = [item_at(tmp_path / name) for name in names]
    results = read(items, PREPARE)
    assert [Path(result.item.uri).name for result in results] == names
    reasons = [result.reason for result in results if isinstance(result, Unreadable)]
    assert reasons == [
        "the file is empty",
        "Is a directory",
        "not an image in a format that Pillow reads",
        "No such file or directory",
    ]
    assert [result.state for result in results] == [
        items[0].state,
        items[1].state,
        RETRY,
        items[3].state,
        RETRY,
    ]


def test_every_descriptor_takes_every_shape(tmp_path: Path) -> None:
    sizes = [(1, 1), (1, 4000), (4000, 1), (3, 2)]
    items = []
    for number, size in enumerate(sizes):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", size, "red").save(path)
        items.append(item_at(path))
    results = read(items, PREPARE)
    assert [(result.width, result.height) for result in results] == sizes


def test_content_id_is_sha256() -> None:
    assert content_id(b"abc") == "ba7816bf8f01cfea414140de5dae2223"


def test_a_file_changed_since_it_was_listed_is_read_again_by_the_next_build(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (2, 2), "red").save(path)
    item = item_at(path)
    Image.new("RGB", (3, 3), "blue").save(path)
    (result,) = read([item], {})
    assert isinstance(result, Readable)
    assert (result.width, result.state) == (3, RETRY)


def test_a_file_still_being_written_is_read_again_by_the_next_build(
    cat: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    whole = encoded(cat, "JPEG")
    path.write_bytes(whole[:500])
    item = item_at(path)
    path.write_bytes(whole[:1000])
    (result,) = read([item], {})
    assert isinstance(result, Unreadable)
    assert result.state == RETRY
    (again,) = read([item_at(path)], {})
    assert again.state == file_state(path)


def test_broken_items_give_their_reason() -> None:
    gone = OSError("the server does not answer")
    cut = UnreadableImageError("the tar is cut")
    items = [BrokenItem(uri="a", state="1", error=gone), BrokenItem(uri="b", state="1", error=cut)]
    results = read(items, {})
    assert [(result.reason, result.state) for result in results] == [
        ("the server does not answer", RETRY),
        ("the tar is cut", "1"),
    ]


def test_rights_of_the_metadata_and_of_the_file(cat: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x8298] = b"(c) Ann"
    data = encoded(cat.resize((16, 16)), "JPEG", exif=exif)
    notices = [None, "licence: CC-BY", "(c) Ann; licence: CC-BY"]
    items = [BytesItem(uri="a", state="", data=data, rights=rights) for rights in notices]
    assert [result.rights for result in read(items, {})] == [
        "(c) Ann",
        "licence: CC-BY; (c) Ann",
        "(c) Ann; licence: CC-BY",
    ]


def test_an_embedding_without_pixels() -> None:
    row = np.array([0.6, 0.8], np.float32)
    items = [
        Item(uri=uri, state="1", rights="CC0", vectors={"clip": vector})
        for uri, vector in [("a", row), ("b", row[::-1].copy()), ("c", row.copy())]
    ]
    results = read(items, PREPARE)
    assert len({result.id for result in results}) == 2
    assert results[0].id == results[2].id
    assert results[0] == Readable(items[0], results[0].id, "1", "CC0")


@pytest.mark.parametrize("numbers", [[0, 0], [np.nan, 1], [np.inf, 0]])
def test_zero_and_infinite_embeddings_are_unreadable(numbers: list[float]) -> None:
    item = Item(uri="a", state="1", vectors={"clip": np.array(numbers, np.float32)})
    (result,) = read([item], PREPARE)
    assert result == Unreadable(item, "its precomputed embedding is zero or not a number", "1")


def test_a_decompression_bomb_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(decompression_bomb())
    (result,) = read([item_at(path)], PREPARE)
    assert isinstance(result, Unreadable)
    assert "decompression bomb" in result.reason
