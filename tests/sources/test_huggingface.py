"""Hugging Face datasets, saved on this machine and streamed from a hub."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest
from fixtures import hub_server
from fixtures.picture_files import encoded
from PIL import Image

from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.sources import Item, huggingface
from memguard.sources.huggingface import HuggingFace, is_saved


def png(number: int) -> bytes:
    return encoded(Image.new("RGB", (8, 8), (number, 0, 0)), "PNG")


def table(count: int = 10) -> datasets.Dataset:
    return datasets.Dataset.from_dict(
        {
            "pic": [{"bytes": png(n), "path": None} for n in range(count)],
            "label": list(range(count)),
            "text": [f"caption {n}" for n in range(count)],
            "license": ["CC0"] * count,
        },
        features=datasets.Features(
            {
                "pic": datasets.Image(),
                "label": datasets.Value("int64"),
                "text": datasets.Value("string"),
                "license": datasets.Value("string"),
            }
        ),
    )


def given(source: HuggingFace, after: str | None = None) -> list[Item]:
    return list(source.iterate(after))


def content(items: list[Item]) -> list[tuple[str, bytes, str | None]]:
    return [(item.uri, item.read(), item.caption) for item in items]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    table().save_to_disk(tmp_path / "saved")
    return tmp_path / "saved"


class Hub:
    """In place of the hub's: answers with a revision, and streams Parquet files from here."""

    def __init__(self, where: Path) -> None:
        self.where = where
        self.sha = "abc123"

    def dataset_info(self, name: str) -> Hub:
        if name != "someone/pictures":
            raise OSError(f"{name} is not on the hub")
        return self

    def load_dataset(self, name: str, config: str | None, **options: Any) -> Any:
        assert options.pop("revision") == self.sha
        files = str(self.where / "*.parquet")
        return load_dataset("parquet", config, data_files={"train": files}, **options)


load_dataset = datasets.load_dataset


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    for number in range(3):
        shard = table().shard(3, number)
        shard.to_parquet(tmp_path / f"train-{number}.parquet")
    answering = Hub(tmp_path)
    monkeypatch.setattr(huggingface, "HfApi", lambda: answering)
    monkeypatch.setattr(datasets, "load_dataset", answering.load_dataset)
    return answering


def test_a_saved_dataset(saved: Path) -> None:
    source = HuggingFace(saved)
    items = given(source)
    assert source.size() == 10
    assert [item.read() for item in items] == [png(n) for n in range(10)]
    assert [item.caption for item in items] == [f"caption {n}" for n in range(10)]
    assert {item.rights for item in items} == {"licence: CC0"}
    assert items[3].uri == f"{saved}/train#3"


def test_a_saved_dataset_resumes_at_any_row(saved: Path) -> None:
    source = HuggingFace(saved)
    items = given(source)
    for number, item in enumerate(items):
        assert content(given(source, item.position)) == content(items[number + 1 :])


def test_another_dataset_at_the_same_place_starts_over(saved: Path) -> None:
    before = given(HuggingFace(saved))
    table(12).save_to_disk(saved)
    after = given(HuggingFace(saved), before[5].position)
    assert len(after) == 12
    assert after[0].state != before[0].state


def test_splits(tmp_path: Path) -> None:
    parts = {"train": table(4), "test": table(3)}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "two")
    datasets.DatasetDict({"all": table(2)}).save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"a": table(2), "b": table(2)}).save_to_disk(tmp_path / "odd")
    assert HuggingFace(tmp_path / "two").size() == 4
    assert HuggingFace(tmp_path / "two", split="test").size() == 3
    assert HuggingFace(tmp_path / "one").size() == 2
    for where, split in (("odd", None), ("two", "validation")):
        with pytest.raises(ConfigurationError, match="its splits are"):
            HuggingFace(tmp_path / where, split=split)


def test_no_column_of_images(tmp_path: Path) -> None:
    datasets.Dataset.from_dict({"text": ["a"], "n": [1]}).save_to_disk(tmp_path / "saved")
    with pytest.raises(ConfigurationError, match="no column of images; its columns are text"):
        HuggingFace(tmp_path / "saved")


def test_images_in_files_next_to_the_dataset(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(5))
    paths = datasets.Dataset.from_dict({"image": [str(tmp_path / "a.png"), None]})
    paths.cast_column("image", datasets.Image()).save_to_disk(tmp_path / "saved")
    file, missing = given(HuggingFace(tmp_path / "saved"))
    assert file.read() == png(5)
    with pytest.raises(UnreadableImageError):
        missing.read()


@pytest.mark.parametrize("damage", ["state.json", "data-00000-of-00001.arrow"])
def test_a_damaged_saved_dataset(saved: Path, damage: str) -> None:
    (saved / damage).write_bytes(b"{")
    with pytest.raises(ConfigurationError, match="does not load"):
        HuggingFace(saved)


def test_streaming(hub: Hub) -> None:
    source = HuggingFace("hf:someone/pictures")
    items = given(source)
    assert [item.read() for item in items] == [png(n) for n in range(10)]
    assert items[4].uri == "hf:someone/pictures/train#4"
    assert {item.state for item in items} == {"abc123"}
    assert source.size() is None


def test_streaming_resumes_at_any_row(hub: Hub) -> None:
    items = given(HuggingFace("someone/pictures"))
    for number, item in enumerate(items):
        rest = given(HuggingFace("someone/pictures"), item.position)
        assert content(rest) == content(items[number + 1 :])
        for step in range(len(rest)):
            again = given(HuggingFace("someone/pictures"), rest[step].position)
            assert content(again) == content(rest[step + 1 :])


def test_iterating_again_starts_at_the_first_row(hub: Hub) -> None:
    source = HuggingFace("someone/pictures")
    items = given(source)
    assert content(given(source, items[4].position)) == content(items[5:])
    assert content(given(source)) == content(items)


def test_a_new_revision_starts_over(hub: Hub) -> None:
    position = given(HuggingFace("someone/pictures"))[4].position
    hub.sha = "def456"
    assert len(given(HuggingFace("someone/pictures"), position)) == 10


def test_a_dataset_that_is_not_there(hub: Hub) -> None:
    with pytest.raises(ConfigurationError, match="nobody/nothing cannot be read"):
        HuggingFace("hf:nobody/nothing")


def test_a_stream_that_breaks_says_where(hub: Hub) -> None:
    source = HuggingFace("someone/pictures")
    (hub.where / "train-1.parquet").write_bytes(b"PAR1")
    items = []
    with pytest.raises(OSError, match=r"row 4 of .* cannot be read"):
        items.extend(source.iterate())


def test_the_hub_s_own_protocol(tmp_path: Path) -> None:
    """In a process of its own: the hub's address is read when `huggingface_hub` is imported."""
    (tmp_path / "hub" / "data").mkdir(parents=True)
    for number in range(2):
        name = f"train-{number:05d}-of-00002.parquet"
        table().shard(2, number, contiguous=True).to_parquet(tmp_path / "hub" / "data" / name)
    code = """
import hashlib, json
from memguard.errors import ConfigurationError
from memguard.sources import open_source
source = open_source("hf:someone/pictures")
items = list(source.iterate())
rest = list(source.iterate(items[6].position))
try:
    open_source("hf:nobody/nothing")
except ConfigurationError as error:
    refusal = str(error)
hashes = [hashlib.sha256(item.read()).hexdigest() for item in items]
print(json.dumps([source.state, hashes, [item.uri for item in rest], refusal]))
"""
    with hub_server.serving(tmp_path / "hub") as address:
        environment = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "cache")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
    state, hashes, rest, refusal = json.loads(done.stdout.splitlines()[-1])
    assert state == hub_server.REVISION
    assert hashes == [hashlib.sha256(png(n)).hexdigest() for n in range(10)]
    assert rest == [f"hf:someone/pictures/train#{n}" for n in (7, 8, 9)]
    assert "nobody/nothing cannot be read" in refusal


def test_what_is_saved(saved: Path, tmp_path: Path) -> None:
    assert is_saved(saved)
    assert not is_saved(tmp_path)
    assert not is_saved("someone/pictures")
