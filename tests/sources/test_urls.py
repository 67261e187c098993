"""Lists of addresses."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.picture_files import encoded
from PIL import Image

from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.sources import FileItem, Item
from memguard.sources.urls import Urls, lists_addresses

PNG = encoded(Image.new("RGB", (8, 8), "red"), "PNG")


def given(source: Urls, after: str | None = None) -> list[Item]:
    return list(source.iterate(after))


def test_a_plain_list(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(PNG)
    fsspec.filesystem("memory").pipe("/bucket/b.png", PNG)
    lines = [
        "# the list",
        "https://example.org/c.png",
        "",
        "images/a.png  ",
        f"file://{tmp_path}/images/a.png",
        "memory://bucket/b.png",
    ]
    (tmp_path / "list.txt").write_text("\n".join(lines), encoding="utf-8-sig")
    source = Urls(tmp_path / "list.txt")
    web, relative, absolute, memory = given(source)
    assert (web.uri, web.url) == ("https://example.org/c.png",) * 2
    assert relative.uri == absolute.uri == f"{tmp_path}/images/a.png"
    assert isinstance(relative, FileItem)
    assert (memory.uri, memory.url) == ("memory://bucket/b.png", None)
    assert relative.read() == absolute.read() == memory.read() == PNG
    assert source.size() is None


@pytest.mark.parametrize(("ending", "between"), [("csv", ","), ("tsv", "\t")])
def test_a_table(tmp_path: Path, ending: str, between: str) -> None:
    rows = [
        ["id", "URL", "caption", "license"],
        ["1", "http://h/1.png", '"a cat', 'on two lines"', "CC0"],
        ["2", "http://h/2.png", "a dog", "?"],
    ]
    rows[1][2:4] = ['"a cat\non two lines"']
    path = tmp_path / f"list.{ending}"
    path.write_text("\n".join(between.join(row) for row in rows))
    first, second = given(Urls(path))
    assert (first.uri, first.url) == ("http://h/1.png", "http://h/1.png")
    assert (first.caption, first.rights) == ("a cat\non two lines", "licence: CC0")
    assert (second.caption, second.rights) == ("a dog", None)


def test_a_parquet_table(tmp_path: Path) -> None:
    path = tmp_path / "list.parquet"
    table = pa.table({"URL": ["http://h/1", None, "http://h/3"], "TEXT": ["a", "b", "c"]})
    pq.write_table(table, path)
    source = Urls(path)
    assert source.size() == 3
    assert [(item.uri, item.caption) for item in given(source)] == [
        ("http://h/1", "a"),
        ("http://h/3", "c"),
    ]


@pytest.mark.parametrize("ending", ["txt", "csv", "parquet"])
def test_any_position_resumes(tmp_path: Path, ending: str) -> None:
    addresses = [f"http://h/{n}" for n in range(100)]
    path = tmp_path / f"list.{ending}"
    if ending == "parquet":
        pq.write_table(pa.table({"url": addresses}), path, row_group_size=30)
    else:
        head = ["url"] if ending == "csv" else []
        path.write_text("\n".join([*head, *addresses]))
    source = Urls(path)
    items = given(source)
    assert [item.uri for item in items] == addresses
    for number in (0, 29, 30, 63, 64, 99):
        rest = given(source, items[number].position)
        assert [item.uri for item in rest] == addresses[number + 1 :]


def test_a_list_that_grew_starts_over(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("http://h/1\nhttp://h/2\n")
    position = given(Urls(path))[0].position
    path.write_text("http://h/0\nhttp://h/1\nhttp://h/2\n")
    assert len(given(Urls(path), position)) == 3


def test_no_column_of_addresses(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("name,size\na,1\n")
    with pytest.raises(ConfigurationError, match="no column of addresses; its columns are name, s"):
        Urls(path)
    with pytest.raises(ConfigurationError, match="no column where; its columns are name, size"):
        Urls(path, column="where")
    assert [item.uri for item in given(Urls(path, column="Name"))] == [f"{tmp_path}/a"]


def test_a_damaged_list_gives_what_precedes_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("url,caption\nhttp://h/1,a\nhttp://h/2," + "x" * 200_000 + "\nhttp://h/3,c\n")
    image, broken = given(Urls(path))
    assert image.uri == "http://h/1"
    with pytest.raises(UnreadableImageError, match="the list is damaged: field larger than"):
        broken.read()
    (tmp_path / "list.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigurationError, match="is not a Parquet file"):
        Urls(tmp_path / "list.parquet")


def test_no_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no list at"):
        Urls(tmp_path / "list.txt")


def test_which_parquet_files_list_addresses(tmp_path: Path) -> None:
    kinds = {
        "list": {"url": ["http://h/1"], "n": [1]},
        "images": {"url": ["http://h/1"], "jpg": [PNG]},
        "neither": {"n": [1]},
    }
    for name, columns in kinds.items():
        pq.write_table(pa.table(columns), tmp_path / name)
    (tmp_path / "damaged").write_bytes(b"PAR1")
    found = [name for name in (*kinds, "damaged") if lists_addresses(tmp_path / name)]
    assert found == ["list"]
