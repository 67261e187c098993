"""Which source a path, pattern or name means."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.installed_packages import install
from fixtures.picture_files import encoded
from PIL import Image

from memguard.errors import ConfigurationError
from memguard.sources import Folder, open_source
from memguard.sources.embeddings import Embeddings
from memguard.sources.huggingface import HuggingFace
from memguard.sources.parquet import Parquet
from memguard.sources.registry import GROUP
from memguard.sources.urls import Urls
from memguard.sources.webdataset import WebDataset

PNG = encoded(Image.new("RGB", (8, 8), "red"), "PNG")


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    """One of every kind, laid out as their usual writers do."""
    for name in ("tars", "tables", "images/00000", "embeddings/img_emb", "empty"):
        (tmp_path / name).mkdir(parents=True)
    tarfile.open(tmp_path / "tars" / "00000.tar", "w").close()
    pq.write_table(pa.table({"url": ["http://h/1"]}), tmp_path / "tars" / "00000.parquet")
    pq.write_table(pa.table({"jpg": [PNG]}), tmp_path / "tables" / "images.parquet")
    pq.write_table(pa.table({"url": ["http://h/1"]}), tmp_path / "list.parquet")
    pq.write_table(pa.table({"n": [1]}), tmp_path / "neither.parquet")
    (tmp_path / "images" / "00000" / "a.JPG").write_bytes(PNG)
    pq.write_table(pa.table({"url": ["http://h/1"]}), tmp_path / "images" / "00000.parquet")
    np.save(tmp_path / "embeddings" / "img_emb" / "img_emb_0.npy", np.ones((1, 8)))
    for name in ("list.txt", "list.CSV", "list.tsv"):
        (tmp_path / name).write_text("url\n")
    features = datasets.Features({"image": datasets.Image()})
    cells = {"image": [{"bytes": PNG, "path": None}]}
    datasets.Dataset.from_dict(cells, features).save_to_disk(tmp_path / "saved")
    return tmp_path


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("images", Folder),
        ("empty", Folder),
        ("tars", WebDataset),
        ("tars/00000.tar", WebDataset),
        ("tars/{00000..00003}.tar", WebDataset),
        ("tables", Parquet),
        ("tables/images.parquet", Parquet),
        ("list.parquet", Urls),
        ("list.txt", Urls),
        ("list.CSV", Urls),
        ("list.tsv", Urls),
        ("saved", HuggingFace),
    ],
)
def test_every_kind(kinds: Path, what: str, kind: type) -> None:
    assert type(open_source(kinds / what)) is kind
    assert type(open_source(f"{kinds}/{what}")) is kind


def test_embeddings_say_which_model_they_come_from(kinds: Path) -> None:
    assert isinstance(open_source(kinds / "embeddings", model="ViT-B-32"), Embeddings)
    with pytest.raises(ConfigurationError, match=r"is read as Embeddings: .*'model'"):
        open_source(kinds / "embeddings")


def test_a_table_without_images_or_addresses(kinds: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no column of images; its columns are n \(int"):
        open_source(kinds / "neither.parquet")


def test_an_option_of_another_kind(kinds: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"is read as Folder: .*'split'"):
        open_source(kinds / "images", split="train")


@pytest.mark.parametrize("what", ["nowhere", "nowhere.tar", "nowhere.parquet", "nowhere.txt"])
def test_nothing_there(tmp_path: Path, what: str) -> None:
    with pytest.raises(ConfigurationError, match=r"there is nothing at .*\n  a folder of image"):
        open_source(tmp_path / what)


def test_not_a_source(tmp_path: Path) -> None:
    (tmp_path / "a.zip").touch()
    with pytest.raises(
        ConfigurationError, match="not a source that memguard reads; a source is one"
    ):
        open_source(tmp_path / "a.zip")


def test_images_and_shards_in_one_folder_are_refused(kinds: Path) -> None:
    (kinds / "tars" / "preview.png").write_bytes(PNG)
    with pytest.raises(ConfigurationError, match="holds image files and tar shards"):
        open_source(kinds / "tars")


def test_sources_load_no_library_before_it_is_needed() -> None:
    heavy = ["datasets", "pyarrow", "fsspec", "aiohttp", "torch", "pandas"]
    code = f"import sys, memguard.sources; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


PACKAGE = '''
from memguard.sources import BytesItem

class Counting:
    """Images named by numbers, as in "numbers:3"."""

    reads = "numbers:COUNT"

    @classmethod
    def recognises(cls, place):
        return place.name.startswith("numbers:")

    def __init__(self, what, *, caption=None):
        self.count, self.caption = int(str(what).partition(":")[2]), caption
        self.name = str(what)

    def size(self):
        return self.count

    def iterate(self, after=None):
        for number in range(self.count):
            yield BytesItem(uri=f"{number}", state="", data=b"x", caption=self.caption)

class Lacking:
    reads = "nothing"
'''


def test_a_package_offers_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "numbers_source", PACKAGE, GROUP, numbers="Counting")
    source = open_source("numbers:3", caption="c")
    assert [(item.uri, item.caption) for item in source.iterate()] == [
        ("0", "c"),
        ("1", "c"),
        ("2", "c"),
    ]
    with pytest.raises(ConfigurationError, match=r"is read as Counting: .*'split'"):
        open_source("numbers:3", split="train")
    with pytest.raises(ConfigurationError, match=r"\n  numbers:COUNT$"):
        open_source(tmp_path / "nowhere")


def test_a_source_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    install(tmp_path, "lacking_source", PACKAGE, GROUP, lacking="Lacking")
    with pytest.raises(ConfigurationError, match=r"Lacking lacks recognises, size, .*uninstall it"):
        open_source(tmp_path)
