"""Parquet files, written by pyarrow and by Hugging Face datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.picture_files import decompression_bomb, encoded
from PIL import Image

from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.index.ingest.reader import Unreadable, read
from memguard.sources import BrokenItem, Item
from memguard.sources.cursor import file_state
from memguard.sources.parquet import Parquet


def png(number: int) -> bytes:
    return encoded(Image.new("RGB", (8, 8), (number, 0, 0)), "PNG")


def write(path: Path, first: int = 0, count: int = 10, **columns: Any) -> Path:
    images = [png(number) for number in range(first, first + count)]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"jpg": images, **columns}), path, row_group_size=4)
    return path


def given(source: Parquet, after: str | None = None) -> list[Item]:
    return list(source.iterate(after))


def test_a_column_of_bytes(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet",
        binary=[b"no image"] * 10,
        caption=[f"caption {n}" for n in range(10)],
        license=["CC0"] * 9 + [None],
        url=[f"http://h/{n}" for n in range(10)],
    )
    items = given(Parquet(path))
    assert [item.read() for item in items] == [png(n) for n in range(10)]
    assert [item.uri for item in items] == [f"{path}#{n}" for n in range(10)]
    assert [item.caption for item in items] == [f"caption {n}" for n in range(10)]
    assert [item.rights for item in items] == ["licence: CC0"] * 9 + [None]
    assert items[3].url == "http://h/3"
    assert {item.state for item in items} == {file_state(path)}


def test_a_struct_of_bytes_and_path(tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(png(7))
    cells = [
        {"bytes": png(1), "path": "a.png"},
        {"bytes": None, "path": str(outside)},
        {"bytes": None, "path": None},
        None,
    ]
    pq.write_table(pa.table({"picture": cells, "n": [1, 2, 3, 4]}), tmp_path / "a.parquet")
    items = given(Parquet(tmp_path / "a.parquet"))
    assert [item.read() for item in items[:2]] == [png(1), png(7)]
    for item in items[2:]:
        with pytest.raises(UnreadableImageError, match="holds no image"):
            item.read()


def test_what_hugging_face_datasets_writes(tmp_path: Path) -> None:
    features = datasets.Features({"pic": datasets.Image(), "text": datasets.Value("string")})
    table = datasets.Dataset.from_dict(
        {"pic": [{"bytes": png(n), "path": None} for n in range(5)], "text": list("abcde")},
        features=features,
    )
    table.to_parquet(tmp_path / "a.parquet")
    assert b"huggingface" in pq.read_schema(tmp_path / "a.parquet").metadata
    items = given(Parquet(tmp_path / "a.parquet"))
    assert [item.read() for item in items] == [png(n) for n in range(5)]
    assert [item.caption for item in items] == list("abcde")


def test_the_feature_metadata_decides_between_columns(tmp_path: Path) -> None:
    info = {"info": {"features": {"second": {"_type": "Image"}}}}
    schema = pa.schema(
        [("first", pa.binary()), ("second", pa.binary())],
        metadata={"huggingface": json.dumps(info)},
    )
    table = pa.table({"first": [png(1)], "second": [png(2)]}, schema=schema)
    pq.write_table(table, tmp_path / "a.parquet")
    (item,) = given(Parquet(tmp_path / "a.parquet"))
    assert item.read() == png(2)
    (item,) = given(Parquet(tmp_path / "a.parquet", image="first"))
    assert item.read() == png(1)


def test_a_folder_of_files_resumes_at_any_row(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "part" / f"{number}.parquet", 10 * number)
    source = Parquet(tmp_path)
    assert source.size() == 30
    items = given(source)
    for number in (0, 8, 9, 10, 17, 29):
        rest = [item.uri for item in given(source, items[number].position)]
        expected = [item.uri for item in items[number + 1 :]]
        assert rest[len(rest) - len(expected) :] == expected
        assert items[number].uri not in rest


def test_a_file_that_changed_starts_over(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet")
    position = given(Parquet(path))[5].position
    write(path, count=12)
    assert len(given(Parquet(path), position)) == 12


def test_no_column_of_images(tmp_path: Path) -> None:
    table = pa.table({"caption": ["a"], "blob": [b"no image"], "n": [1]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ConfigurationError) as refusal:
        Parquet(tmp_path / "a.parquet")
    assert str(refusal.value) == (
        f"{tmp_path}/a.parquet has no column of images; its columns are "
        "caption (string), blob (binary), n (int64): name one by --option image=NAME, "
        "in Python image="
    )
    with pytest.raises(ConfigurationError, match="no column photo; its columns are caption"):
        Parquet(tmp_path / "a.parquet", image="photo")


def test_a_file_of_the_folder_without_images_is_listed(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", count=2)
    pq.write_table(pa.table({"n": [1]}), tmp_path / "b.parquet")
    write(tmp_path / "c.parquet", count=2)
    items = given(Parquet(tmp_path))
    broken = [item for item in items if isinstance(item, BrokenItem)]
    assert [item.uri for item in broken] == [f"{tmp_path}/b.parquet"]
    assert len(items) == 5


@pytest.mark.parametrize("kept", [0, 3, 0.5, 0.99])
def test_a_cut_file_is_listed(tmp_path: Path, kept: float) -> None:
    path = write(tmp_path / "a.parquet")
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if kept < 1 else int(kept)])
    write(tmp_path / "b.parquet", count=2)
    source = Parquet(tmp_path)
    broken, *images = given(source)
    assert broken.uri == str(path)
    with pytest.raises(UnreadableImageError):
        broken.read()
    assert len(images) == 2
    assert source.size() == 3


def test_damage_in_the_middle_of_a_file_keeps_what_precedes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    images = [encoded(Image.effect_noise((64, 64), 50), "PNG") for _ in range(40)]
    pq.write_table(pa.table({"jpg": images}), path, row_group_size=10, compression="zstd")
    middle = pq.read_metadata(path).row_group(2).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[middle : middle + 200] = b"\xff" * 200
    path.write_bytes(data)
    items = given(Parquet(path))
    assert [item.read() for item in items[:20]] == images[:20]
    assert isinstance(items[-1], BrokenItem)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no Parquet file"):
        Parquet(tmp_path)
    with pytest.raises(ConfigurationError, match="no Parquet file"):
        Parquet(tmp_path / "a.parquet")


def test_a_bomb_in_a_row_is_listed(tmp_path: Path) -> None:
    pq.write_table(pa.table({"jpg": [png(1), decompression_bomb()]}), tmp_path / "a.parquet")
    image, bomb = read(given(Parquet(tmp_path / "a.parquet")), {})
    assert not isinstance(image, Unreadable)
    assert isinstance(bomb, Unreadable)
    assert "decompression bomb" in bomb.reason


def test_large_binary_and_empty_values(tmp_path: Path) -> None:
    images = pa.array([None, b"", png(1)], pa.large_binary())
    pq.write_table(pa.table({"data": images}), tmp_path / "a.parquet")
    missing, empty, image = given(Parquet(tmp_path / "a.parquet"))
    assert isinstance(missing, BrokenItem)
    assert empty.read() == b""
    assert image.read() == png(1)
