"""Tar shards, written by Python's tarfile in img2dataset's layout."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from fixtures.picture_files import encoded
from PIL import Image

from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.sources import BrokenItem, Item
from memguard.sources.cursor import file_state
from memguard.sources.webdataset import WebDataset, expanded


def png(number: int) -> bytes:
    return encoded(Image.new("RGB", (8, 8), (number, 0, 0)), "PNG")


def write_tar(
    path: Path, members: Iterable[tuple[str, bytes]], format: int = tarfile.GNU_FORMAT
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def members(first: int, count: int) -> list[tuple[str, bytes]]:
    """Samples as img2dataset writes them: image, caption, metadata."""
    found = []
    for number in range(first, first + count):
        metadata = {
            "caption": f"caption {number}",
            "url": f"https://example.org/{number}.png",
            "key": f"{number:09d}",
            "status": "success",
            "sha256": "0" * 64,
            "exif": json.dumps({"Image Copyright": f"(c) {number}"}),
        }
        found += [
            (f"{number:09d}.png", png(number)),
            (f"{number:09d}.txt", f"caption {number}".encode()),
            (f"{number:09d}.json", json.dumps(metadata).encode()),
        ]
    return found


def given(source: WebDataset, after: str | None = None) -> list[Item]:
    return list(source.iterate(after))


def test_samples_of_img2dataset(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "00000.tar", members(0, 3))
    items = given(WebDataset(shard))
    assert [item.uri for item in items] == [f"{shard}#{n:09d}.png" for n in range(3)]
    assert [item.read() for item in items] == [png(n) for n in range(3)]
    assert [item.caption for item in items] == [f"caption {n}" for n in range(3)]
    assert [item.url for item in items] == [f"https://example.org/{n}.png" for n in range(3)]
    assert [item.rights for item in items] == [f"(c) {n}" for n in range(3)]
    assert {item.state for item in items} == {file_state(shard)} == {items[0].state_now()}


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_every_position_resumes_just_after_its_sample(tmp_path: Path, format: int) -> None:
    long = "folder-" * 12 + "é" if format != tarfile.USTAR_FORMAT else "folder"
    for shard in range(3):
        samples = [(f"{long}/{name}", data) for name, data in members(10 * shard, 3)]
        write_tar(tmp_path / f"{shard:05d}.tar", samples, format)
    source = WebDataset(tmp_path)
    items = given(source)
    assert len(items) == 9
    for number, item in enumerate(items):
        resumed = given(source, item.position)
        assert not any(isinstance(one, BrokenItem) for one in resumed)
        rest = [one.uri for one in resumed]
        expected = [one.uri for one in items[number + 1 :]]
        assert rest[len(rest) - len(expected) :] == expected
        assert item.uri not in rest


def test_a_changed_shard_starts_over(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "0.tar", members(0, 3))
    position = given(WebDataset(shard))[1].position
    write_tar(shard, members(0, 4))
    assert len(given(WebDataset(shard), position)) == 4


def test_two_shards_with_the_same_keys(tmp_path: Path) -> None:
    for name in ("a/00000.tar", "b/00000.tar"):
        write_tar(tmp_path / name, members(0, 2))
    assert len({item.uri for item in given(WebDataset(tmp_path))}) == 4


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.77, 0.95])
def test_what_precedes_a_cut_is_given_and_the_shard_is_listed(tmp_path: Path, kept: float) -> None:
    shard = write_tar(tmp_path / "0.tar", members(0, 20))
    with tarfile.open(shard) as tar:
        end = tar.getmembers()[-1].offset_data + tarfile.BLOCKSIZE
    data = shard.read_bytes()[: int(end * kept)]
    shard.write_bytes(data)
    write_tar(tmp_path / "1.tar", members(50, 1))
    items = given(WebDataset(tmp_path))
    broken = [item for item in items if isinstance(item, BrokenItem)]
    assert [item.uri for item in broken] == [str(shard)]
    with pytest.raises(UnreadableImageError, match="cut or damaged"):
        broken[0].read()
    whole = data.count(b"\x89PNG")
    first = [item for item in items if item.uri.startswith(f"{shard}#")]
    assert len(first) in (whole, whole - 1)
    assert [item.read() for item in first[: whole - 1]] == [png(n) for n in range(whole - 1)]
    assert items[-1].uri == f"{tmp_path}/1.tar#000000050.png"


def test_a_tar_cut_between_two_members_is_noticed(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "0.tar", members(0, 4))
    with tarfile.open(shard) as tar:
        cut = tar.getmembers()[6].offset
    shard.write_bytes(shard.read_bytes()[:cut])
    *images, broken = given(WebDataset(shard))
    assert [item.read() for item in images] == [png(0), png(1)]
    assert isinstance(broken, BrokenItem)


def test_an_image_cut_in_its_middle_is_unreadable(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "0.tar", [("0.png", bytes(3000))])
    shard.write_bytes(shard.read_bytes()[:1500])
    image, broken = given(WebDataset(shard))
    with pytest.raises(UnreadableImageError, match="ends in the middle"):
        image.read()
    assert isinstance(broken, BrokenItem)


@pytest.mark.parametrize("data", [b"", b"no tar at all", b"\x1f\x8b compressed" * 100])
def test_what_is_no_tar_is_listed(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "0.tar").write_bytes(data)
    (item,) = given(WebDataset(tmp_path / "0.tar"))
    with pytest.raises(UnreadableImageError):
        item.read()


def test_a_damaged_header_in_the_middle(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "0.tar", members(0, 4))
    with tarfile.open(shard) as tar:
        header = tar.getmembers()[6].offset
    data = bytearray(shard.read_bytes())
    data[header + 100 : header + 160] = b"\xff" * 60
    shard.write_bytes(data)
    *images, broken = given(WebDataset(shard))
    assert len(images) == 2
    assert isinstance(broken, BrokenItem)


def test_brace_patterns(tmp_path: Path) -> None:
    assert list(expanded("{8..10}/{01..02}.tar")) == [
        f"{folder}/{name}.tar" for folder in (8, 9, 10) for name in ("01", "02")
    ]
    for number in range(3):
        write_tar(tmp_path / f"{number:05d}.tar", members(number, 1))
    items = given(WebDataset(tmp_path / "{00001..00004}.tar"))
    broken = [item.uri for item in items if isinstance(item, BrokenItem)]
    assert broken == [str(tmp_path / f"0000{number}.tar") for number in (3, 4)]
    assert len(items) - len(broken) == 2


def test_no_shard(tmp_path: Path) -> None:
    for where in (tmp_path, tmp_path / "0.tar", tmp_path / "{0..9}.tar"):
        with pytest.raises(ConfigurationError, match="there is no tar file at"):
            WebDataset(where)


def test_members_that_are_no_images(tmp_path: Path) -> None:
    shard = tmp_path / "0.tar"
    with tarfile.open(shard, "w") as tar:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name, data in [
            ("b.cls", b"7"),
            ("b.json", b"[1]"),
            ("b.JPG", png(1)),
            ("b.mask.png", png(2)),
            ("d.json", b"[" * 100_000),
            ("d.webp", png(3)),
        ]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    items = given(WebDataset(shard))
    assert [item.uri.rpartition("#")[2] for item in items] == ["b.JPG", "b.mask.png", "d.webp"]
    assert [item.read() for item in items] == [png(1), png(2), png(3)]
    assert [bool(item.position) for item in items] == [False, True, True]


def test_no_size_without_reading_everything(tmp_path: Path) -> None:
    source = WebDataset(write_tar(tmp_path / "0.tar", members(0, 1)))
    assert source.size() is None
    assert source.name == f"webdataset {tmp_path}/0.tar"
