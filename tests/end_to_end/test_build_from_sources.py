"""Indexes built from every kind of source, good and bad."""

from __future__ import annotations

import tarfile
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.picture_files import cuts, decompression_bomb, encoded
from PIL import Image

from memguard.descriptors.phash import PHash
from memguard.files import read_regular
from memguard.index.base import BuildSummary
from memguard.index.ingest.builder import build
from memguard.index.ingest.reader import content_id
from memguard.index.open import open_index
from memguard.sources import open_source

COUNT = 6
NAMES = [f"{number:05d}" for number in range(COUNT)]


@pytest.fixture(scope="module")
def images(photographs: dict[str, Image.Image]) -> list[bytes]:
    """PNG files of a few cuts, each with a notice of its own."""
    exif = Image.Exif()
    exif[0x8298] = b"(c) Ann"
    return [encoded(cut, "PNG", exif=exif) for cut in cuts(photographs, COUNT, 16)]


def built(what: object, output: Path) -> BuildSummary:
    return build(open_source(str(what)), output, [PHash(8)], workers=0)


def write_folder(root: Path, images: list[bytes]) -> Path:
    (root / "folder").mkdir()
    for name, data in zip(NAMES, images):
        (root / "folder" / f"{name}.png").write_bytes(data)
        (root / "folder" / f"{name}.txt").write_text(f"caption {name}")
    return root / "folder"


def write_tar(root: Path, images: list[bytes]) -> Path:
    folder = write_folder(root, images)
    with tarfile.open(root / "0.tar", "w") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    return root / "0.tar"


def write_parquet(root: Path, images: list[bytes]) -> Path:
    captions = [f"caption {name}" for name in NAMES]
    pq.write_table(pa.table({"image": images, "caption": captions}), root / "a.parquet")
    return root / "a.parquet"


def write_saved(root: Path, images: list[bytes]) -> Path:
    columns = {
        "image": [{"bytes": data, "path": None} for data in images],
        "text": [f"caption {name}" for name in NAMES],
    }
    features = datasets.Features({"image": datasets.Image(), "text": datasets.Value("string")})
    datasets.Dataset.from_dict(columns, features).save_to_disk(root / "saved")
    return root / "saved"


def write_list(root: Path, images: list[bytes]) -> Path:
    write_folder(root, images)
    lines = [f"folder/{name}.png,caption {name}" for name in NAMES]
    (root / "list.csv").write_text("\n".join(["path,caption", *lines]))
    return root / "list.csv"


@pytest.mark.parametrize("write", [write_folder, write_tar, write_parquet, write_saved, write_list])
def test_every_source_gives_the_same_index(tmp_path: Path, images: list[bytes], write) -> None:
    source = write(tmp_path, images)
    summary = built(source, tmp_path / "index")
    assert (summary.added, summary.unreadable) == (COUNT, {})
    index = open_index(tmp_path / "index")
    for name, data in zip(NAMES, images):
        record = index.find(content_id(data))
        assert record is not None
        assert (record.caption, record.rights) == (f"caption {name}", "(c) Ann")
        assert record.uri.startswith(str(tmp_path))
    again = built(source, tmp_path / "index")
    assert (again.added, again.skipped) == (0, COUNT)


def test_a_truncated_tar_does_not_stop_the_build(tmp_path: Path, images: list[bytes]) -> None:
    (tmp_path / "tars").mkdir()
    whole = write_tar(tmp_path, images).read_bytes()
    (tmp_path / "tars" / "0.tar").write_bytes(whole[: whole.rindex(b"\x89PNG")])
    with tarfile.open(tmp_path / "tars" / "1.tar", "w") as tar:
        tar.add(tmp_path / "folder" / f"{NAMES[-1]}.png", "x.png")
    summary = built(tmp_path / "tars", tmp_path / "index")
    assert summary.records == COUNT
    assert "cut or damaged" in summary.unreadable[f"{tmp_path}/tars/0.tar"]
    assert built(tmp_path / "tars", tmp_path / "index").unreadable == summary.unreadable
    (tmp_path / "tars" / "0.tar").write_bytes(whole)
    assert built(tmp_path / "tars", tmp_path / "index").unreadable == {}


def test_two_shards_with_the_same_keys(tmp_path: Path, images: list[bytes]) -> None:
    for shard, data in zip(("a", "b"), images):
        (tmp_path / shard).mkdir()
        (tmp_path / "same.png").write_bytes(data)
        with tarfile.open(tmp_path / shard / "00000.tar", "w") as tar:
            tar.add(tmp_path / "same.png", "000.png")
    (tmp_path / "same.png").unlink()
    summary = built(tmp_path, tmp_path.with_name("index of two shards"))
    assert (summary.added, summary.duplicates, summary.unreadable) == (2, 0, {})


def test_an_address_that_was_not_reachable_is_read_by_the_next_build(
    tmp_path: Path, images: list[bytes]
) -> None:
    source = write_list(tmp_path, images)
    hidden = tmp_path / "folder" / f"{NAMES[2]}.png"
    hidden.rename(tmp_path / "hidden")
    summary = built(source, tmp_path / "index")
    assert list(summary.unreadable) == [str(hidden)]
    (tmp_path / "hidden").rename(hidden)
    summary = built(source, tmp_path / "index")
    assert (summary.added, summary.skipped, summary.unreadable) == (1, COUNT - 1, {})


def test_a_file_that_changes_during_the_build_is_read_again(
    tmp_path: Path, images: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_folder(tmp_path, images[:2])
    changing = source / f"{NAMES[0]}.png"

    def changing_while_read(path: Path) -> bytes:
        data = read_regular(path)
        if path == changing:
            path.write_bytes(images[3])
        return data

    monkeypatch.setattr("memguard.sources.items.read_regular", changing_while_read)
    assert built(source, tmp_path / "index").added == 2
    monkeypatch.undo()
    again = built(source, tmp_path / "index")
    assert (again.added, again.skipped) == (1, 1)
    assert open_index(tmp_path / "index").find(content_id(images[3])) is not None


def test_a_bomb_in_a_shard_is_listed(tmp_path: Path, images: list[bytes]) -> None:
    (tmp_path / "images").mkdir()
    for name, data in (("a.png", images[0]), ("b.png", decompression_bomb())):
        (tmp_path / "images" / name).write_bytes(data)
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        tar.add(tmp_path / "images", "")
    summary = built(tmp_path / "0.tar", tmp_path / "index")
    (reason,) = summary.unreadable.values()
    assert summary.added == 1
    assert "decompression bomb" in reason
