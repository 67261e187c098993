"""A folder tree as a source."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from memguard.errors import BuildError
from memguard.sources import Folder


def test_images_of_every_ending_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/z.jpeg", "a/c.webp", "notes.txt", "a/data.npy", "noending", "k.Gif"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    source = Folder(tmp_path)
    names = [str(item.path.relative_to(tmp_path)) for item in source]
    assert names == ["a/c.webp", "a/z.jpeg", "b.PNG", "k.Gif"]
    assert len(source) == 4
    assert all(item.uri == str(item.path) and item.read() == b"x" for item in source)


def test_captions_stand_beside_the_images(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a.txt").write_text("  a Straße, \n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("\n")
    assert [item.caption for item in Folder(tmp_path)] == ["a Straße,", None, None]


def test_state_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    (before,) = Folder(tmp_path)
    assert next(iter(Folder(tmp_path))).state == before.state
    path.write_bytes(b"xy")
    (longer,) = Folder(tmp_path)
    os.utime(path, ns=(0, 0))
    (older,) = Folder(tmp_path)
    assert len({before.state, longer.state, older.state}) == 3


def test_a_dangling_link_is_an_item_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "gone.jpg")
    (item,) = Folder(tmp_path)
    assert item.state == "unreadable"
    with pytest.raises(FileNotFoundError):
        item.read()


def test_linked_folders_are_followed_and_circles_end(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.jpg").write_bytes(b"x")
    (tmp_path / "images" / "linked").symlink_to(tmp_path / "more")
    (tmp_path / "more" / "circle").symlink_to(tmp_path / "more")
    names = [str(item.path.relative_to(tmp_path)) for item in Folder(tmp_path / "images")]
    assert names == ["images/linked/a.jpg"]


def test_uris_do_not_depend_on_how_the_folder_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert list(Folder("images")) == list(Folder(tmp_path / "images" / ".." / "images"))


def test_items_travel_to_workers(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (item,) = Folder(tmp_path)
    assert pickle.loads(pickle.dumps(item)) == item


@pytest.mark.parametrize("name", ["nowhere", "file.jpg"])
def test_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.jpg").write_bytes(b"x")
    with pytest.raises(BuildError, match=f"{name} is not a folder"):
        Folder(tmp_path / name)
