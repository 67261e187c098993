"""A folder tree as a source."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import pickle
from pathlib import Path

import pytest

from memguard.errors import BuildError
from memguard.sources import Folder, Source
from memguard.sources.cursor import CLOCK_SKEW_NS, Position


def uris(source: Source, after: str | None = None) -> list[str]:
    return [item.uri for item in source.iterate(after)]


def test_images_of_every_ending_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/z.jpeg", "a/c.webp", "notes.txt", "a/data.npy", "noending", "k.Gif"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    source = Folder(tmp_path)
    names = [name.removeprefix(f"{tmp_path}/") for name in uris(source)]
    assert names == ["a/c.webp", "a/z.jpeg", "b.PNG", "k.Gif"]
    assert source.size() == 4
    assert all(item.read() == b"x" for item in source.iterate())


def test_captions_in_text_files_of_the_images_names(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a.txt").write_text("  a Straße, \n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("\n")
    assert [item.caption for item in Folder(tmp_path).iterate()] == ["a Straße,", None, None]


def test_state_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    (before,) = Folder(tmp_path).iterate()
    assert next(Folder(tmp_path).iterate()).state == before.state
    path.write_bytes(b"xy")
    (longer,) = Folder(tmp_path).iterate()
    os.utime(path, ns=(0, 0))
    (older,) = Folder(tmp_path).iterate()
    assert len({before.state, longer.state, older.state}) == 3


def test_a_dangling_link_is_an_item_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    (item,) = Folder(tmp_path).iterate()
    assert item.state == "unreadable"
    with pytest.raises(FileNotFoundError):
        item.read()


def test_linked_folders_are_followed_and_circles_end(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.jpg").write_bytes(b"x")
    (tmp_path / "images" / "linked").symlink_to(tmp_path / "more")
    (tmp_path / "more" / "circle").symlink_to(tmp_path / "more")
    names = [name.removeprefix(f"{tmp_path}/") for name in uris(Folder(tmp_path / "images"))]
    assert names == ["images/linked/a.jpg"]


def test_uris_do_not_depend_on_how_the_folder_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert uris(Folder("images")) == uris(Folder(tmp_path / "images" / ".." / "images"))


def test_items_travel_to_workers(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (item,) = Folder(tmp_path).iterate()
    assert pickle.loads(pickle.dumps(item)) == item


@pytest.mark.parametrize("name", ["nowhere", "file.jpg"])
def test_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.jpg").write_bytes(b"x")
    with pytest.raises(BuildError, match=f"{name} is not a folder"):
        Folder(tmp_path / name)


def test_metadata_in_json_files_of_the_images_names(tmp_path: Path) -> None:
    """The file layout of img2dataset."""
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    metadata = {"caption": "from json", "url": "https://example.org/a.jpg", "license": "CC0"}
    (tmp_path / "a.json").write_text(json.dumps(metadata))
    (tmp_path / "a.txt").write_text("from text")
    (tmp_path / "b.json").write_text(json.dumps(metadata))
    (tmp_path / "c.json").write_text("{broken")
    said = [(item.caption, item.url, item.rights) for item in Folder(tmp_path).iterate()]
    assert said == [
        ("from text", "https://example.org/a.jpg", "licence: CC0"),
        ("from json", "https://example.org/a.jpg", "licence: CC0"),
        (None, None, None),
    ]


def long_ago(path: Path) -> None:
    """Make a file look older than any clock difference; its ctime cannot be set."""
    os.utime(path, ns=(0, 0))


def after_the_clock(position: str) -> str:
    """The position of an iteration that began well after the files were put here."""
    parsed = Position.parse(position)
    assert parsed is not None
    return str(dataclasses.replace(parsed, since=parsed.since + 2 * CLOCK_SKEW_NS))


def test_iteration_resumes_after_a_position(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "a/2.jpg", "a.jpg", "b.jpg", "b/1.jpg", "c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    source = Folder(tmp_path)
    items = list(source.iterate())
    for number, item in enumerate(items):
        rest = uris(source, after_the_clock(item.position))
        assert rest == [item.uri for item in items[number + 1 :]]


def test_a_file_put_before_the_position_later_is_not_missed(tmp_path: Path) -> None:
    for name in ("b.jpg", "c.jpg", "d.jpg"):
        (tmp_path / name).write_bytes(b"x")
    source = Folder(tmp_path)
    position = list(source.iterate())[1].position
    (tmp_path / "a.jpg").write_bytes(b"new")
    long_ago(tmp_path / "a.jpg")
    assert str(tmp_path / "a.jpg") in uris(source, position)


@pytest.mark.parametrize("position", ["", "no position", "[1, 2]", "{}"])
def test_a_position_of_something_else_starts_over(tmp_path: Path, position: str) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert len(uris(Folder(tmp_path), position)) == 1


def test_a_folder_that_does_not_open_is_an_item_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused by the system call, since these tests may run as root, who may open anything."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "open.jpg").write_bytes(b"x")
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    source = Folder(tmp_path)
    closed, image = source.iterate()
    assert closed.uri == str(tmp_path / "closed")
    with pytest.raises(PermissionError):
        closed.read()
    assert image.read() == b"x"
    assert source.size() == 2


def test_names_identify_sources(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert Folder(tmp_path).name == Folder(f"{tmp_path}/a/..").name != Folder(tmp_path / "a").name


def test_links_that_lead_back_by_another_folder_end(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(b"x")
    (tmp_path / "a" / "b").symlink_to("../b")
    (tmp_path / "b" / "a").symlink_to("../a")
    (tmp_path / "b" / "root").symlink_to("/")
    found = [item.uri for item in Folder(tmp_path).iterate()]
    assert [uri.removeprefix(str(tmp_path)) for uri in found] == [
        "/a/b/x.png",
        "/a/x.png",
        "/b/a/x.png",
        "/b/x.png",
    ]


def test_pipes_and_devices_among_images_are_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"x")
    os.mkfifo(tmp_path / "0.txt")
    os.mkfifo(tmp_path / "0.json")
    os.mkfifo(tmp_path / "1.png")
    (tmp_path / "2.png").symlink_to("/dev/zero")
    image, *others = Folder(tmp_path).iterate()
    assert image.read()
    assert image.caption is None
    assert len(others) == 2
    for item in others:
        with pytest.raises(OSError, match="a pipe, a socket or a device"):
            item.read()


def test_a_name_that_is_no_utf_8(tmp_path: Path) -> None:
    """As old archives have them: the image is read, and its uri can be stored."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    path.write_bytes(b"an image")
    (item,) = Folder(tmp_path).iterate()
    assert item.uri == f"{tmp_path}/caf\\xe9.png"
    assert item.read() == b"an image"
    item.uri.encode()
    assert list(Folder(tmp_path).iterate(after=item.position)) == []
