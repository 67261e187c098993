"""Prompts from real files, and from an index's captions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.picture_files import write_cuts
from PIL import Image

from memguard.auditing.prompts import duplicated_captions, read_prompts
from memguard.errors import ConfigurationError
from memguard.index.open import open_index
from memguard.lifecycle import build_index


def test_a_text_file(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("\ufeffa cat\n\n  a dog, running  \r\na cat\nein B\u00e4r\n", encoding="utf-8")
    assert read_prompts(file) == ["a cat", "a dog, running", "ein B\u00e4r"]


def test_a_csv_file(tmp_path: Path) -> None:
    file = tmp_path / "prompts.csv"
    file.write_text('id,text,note\n1,"a cat, asleep",x\n2,,y\n3,a dog,z\n', encoding="utf-8")
    assert read_prompts(file) == ["a cat, asleep", "a dog"]
    assert read_prompts(file, "note") == ["x", "y", "z"]
    with pytest.raises(ConfigurationError, match=r"columns id, text, note: there is no 'prompt'"):
        read_prompts(file, "prompt")
    file.write_text("one,two\n1,2\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="one, two: name one"):
        read_prompts(file)


def test_a_tsv_file_with_one_column(tmp_path: Path) -> None:
    file = tmp_path / "prompts.tsv"
    file.write_text("anything\na cat, asleep\n", encoding="utf-8")
    assert read_prompts(file) == ["a cat, asleep"]


def test_a_parquet_file(tmp_path: Path) -> None:
    file = tmp_path / "prompts.parquet"
    table = {"TEXT": ["no"], "caption": ["a cat"], "number": [1]}
    pq.write_table(pa.table({**table, "caption": ["a cat"]}), file)
    assert read_prompts(file) == ["a cat"]
    assert read_prompts(file, "TEXT") == ["no"]
    with pytest.raises(ConfigurationError, match="holds int64, not text"):
        read_prompts(file, "number")


def test_files_without_prompts(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="holds no prompts"):
        read_prompts(empty)
    with pytest.raises(ConfigurationError, match="No such file"):
        read_prompts(tmp_path / "absent.txt")
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"PAR1 no")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_prompts(damaged)
    latin = tmp_path / "latin.txt"
    latin.write_bytes("ein B\u00e4r".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_prompts(latin)
    with pytest.raises(ConfigurationError, match="plain text, which has no column 'text'"):
        read_prompts(empty, "text")


def test_captions_of_the_most_duplicated(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    images = tmp_path / "images"
    write_cuts(photographs, images, 5)
    for number, (caption, copies) in enumerate([("once", 0), ("thrice", 2), ("twice", 1)]):
        (images / f"{number:04d}.txt").write_text(caption, encoding="utf-8")
        for copy in range(copies):
            shutil.copy(images / f"{number:04d}.jpg", images / f"z{number}{copy}.jpg")
    build_index(images, tmp_path / "i.memguard", weights={}, calibrate=False, workers=0)
    index = open_index(tmp_path / "i.memguard")
    assert duplicated_captions(index, 10) == ["thrice", "twice", "once"]
    assert duplicated_captions(index, 1) == ["thrice"]


def test_an_index_without_captions(photographs: dict[str, Image.Image], tmp_path: Path) -> None:
    write_cuts(photographs, tmp_path / "images", 2)
    build_index(
        tmp_path / "images", tmp_path / "i.memguard", weights={}, calibrate=False, workers=0
    )
    with pytest.raises(ConfigurationError, match="--prompts FILE"):
        duplicated_captions(open_index(tmp_path / "i.memguard"), 10)
