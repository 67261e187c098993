"""What a worker does to one file: any file gives one result."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from picture_files import encoded
from PIL import Image

from memguard.descriptors import weightless_descriptors
from memguard.index.reading import Readable, Unreadable, content_id, read
from memguard.picture import Picture
from memguard.sources import Item

PREPARE = {one.spec.name: one.prepare for one in weightless_descriptors()}


def test_an_image(cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "cat.jpg"
    path.write_bytes(encoded(cat, "JPEG", exif=exif))
    item = Item(str(path), path, "state", "a cat")
    (result,) = read([item], PREPARE)
    assert isinstance(result, Readable)
    assert result.item is item
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


def test_files_that_are_no_images_keep_their_place_and_say_why(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "text.png").write_text("hello")
    Image.new("RGB", (2, 2)).save(tmp_path / "good.png")
    names = ["empty.jpg", "good.png", "folder.jpg", "text.png", "gone.png"]
    items = [Item(name, tmp_path / name, "") for name in names]
    results = read(items, PREPARE)
    assert [result.item.uri for result in results] == names
    reasons = [result.reason for result in results if isinstance(result, Unreadable)]
    assert reasons == [
        "the file is empty",
        "Is a directory",
        "not an image in a format that Pillow reads",
        "No such file or directory",
    ]


def test_every_descriptor_takes_every_shape(tmp_path: Path) -> None:
    sizes = [(1, 1), (1, 4000), (4000, 1), (3, 2)]
    items = []
    for number, size in enumerate(sizes):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", size, "red").save(path)
        items.append(Item(str(number), path, ""))
    results = read(items, PREPARE)
    assert [(result.width, result.height) for result in results] == sizes


def test_content_id_is_sha256() -> None:
    assert content_id(b"abc") == "ba7816bf8f01cfea414140de5dae2223"
