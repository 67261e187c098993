"""Embeddings in clip-retrieval's layout."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.sources import BrokenItem, Item
from memguard.sources.embeddings import Embeddings

SPEC = DescriptorSpec("clip", "cosine", 8, "ViT-B-32", "")
RANDOM = np.random.default_rng(0)


def write(root: Path, number: str, rows: NDArray[np.floating], metadata: int | None = None) -> None:
    for folder in ("img_emb", "metadata"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    np.save(root / "img_emb" / f"img_emb_{number}.npy", rows)
    count = len(rows) if metadata is None else metadata
    table = pa.table(
        {
            "image_path": [f"{number}/{n:04d}" for n in range(count)],
            "caption": [f"caption {number} {n}" for n in range(count)],
            "url": [f"http://h/{number}/{n}" for n in range(count)],
            "LICENSE": ["?"] * (count - 1) + ["CC0"],
            "NSFW": ["UNLIKELY"] * count,
        }
    )
    pq.write_table(table, root / "metadata" / f"metadata_{number}.parquet")


def rows(count: int, width: int = 8, dtype: str = "float16") -> NDArray[np.floating]:
    return RANDOM.normal(size=(count, width)).astype(dtype)


def given(source: Embeddings, after: str | None = None) -> list[Item]:
    return list(source.iterate(after))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rows_with_their_metadata(tmp_path: Path, dtype: str) -> None:
    matrices = [rows(5, dtype=dtype), rows(3, dtype=dtype)]
    for number, matrix in zip(("0000", "0001"), matrices):
        write(tmp_path, number, matrix)
    source = Embeddings(tmp_path, model="ViT-B-32")
    source.require([SPEC])
    assert (source.size(), source.width) == (8, 8)
    items = given(source)
    assert not any(item.has_pixels for item in items)
    found = np.stack([item.vectors["clip"] for item in items if item.vectors])
    assert found.dtype == np.float32
    whole = np.concatenate(matrices).astype(np.float32)
    expected = whole / np.linalg.norm(whole, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert items[6].uri == f"{tmp_path}/img_emb/img_emb_0001.npy#1:0001/0001"
    assert (items[6].caption, items[6].url) == ("caption 0001 1", "http://h/0001/1")
    assert [item.rights for item in items] == [None] * 4 + ["licence: CC0", None, None] + [
        "licence: CC0"
    ]


def test_any_position_resumes(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, str(number), rows(70))
    source = Embeddings(tmp_path, model="ViT-B-32")
    items = given(source)
    for number in (0, 64, 68, 69, 70, 139, 209):
        rest = [item.uri for item in given(source, items[number].position)]
        expected = [item.uri for item in items[number + 1 :]]
        assert rest[len(rest) - len(expected) :] == expected
        assert items[number].uri not in rest


def test_files_pair_by_number_not_by_the_order_of_their_names(tmp_path: Path) -> None:
    for number in (2, 10, 1):
        write(tmp_path, str(number), rows(2))
    for item in given(Embeddings(tmp_path, model="ViT-B-32")):
        number = item.uri.partition("img_emb_")[2].partition(".")[0]
        assert item.caption is not None
        assert item.caption.startswith(f"caption {number} ")


def test_without_metadata(tmp_path: Path) -> None:
    np.save(tmp_path / "img_emb_0.npy", rows(3))
    np.save(tmp_path / "text_emb_0.npy", rows(3))
    items = given(Embeddings(tmp_path, model="ViT-B-32"))
    assert [item.uri for item in items] == [f"{tmp_path}/img_emb_0.npy#{n}" for n in range(3)]


def test_another_width_than_the_descriptor(tmp_path: Path) -> None:
    write(tmp_path, "0", rows(3, width=6))
    with pytest.raises(ConfigurationError, match=r"have 6 numbers, and clip \(ViT-B-32\) has 8"):
        Embeddings(tmp_path, model="ViT-B-32").require([SPEC])


def test_another_model_and_another_descriptor(tmp_path: Path) -> None:
    write(tmp_path, "0", rows(3))
    with pytest.raises(ConfigurationError, match="come from ViT-L-14, and the index's clip is"):
        Embeddings(tmp_path, model="ViT-L-14").require([SPEC])
    with pytest.raises(ConfigurationError, match="for the descriptor clip, and the index has sscd"):
        Embeddings(tmp_path, model="ViT-B-32").require([dataclasses.replace(SPEC, name="sscd")])
    Embeddings(tmp_path, model="ViT-B-32", descriptor="other").require(
        [SPEC, dataclasses.replace(SPEC, name="other")]
    )


def test_a_file_of_another_width_than_the_others_is_listed(tmp_path: Path) -> None:
    write(tmp_path, "0", rows(2))
    write(tmp_path, "1", rows(2, width=5))
    write(tmp_path, "2", rows(2))
    items = given(Embeddings(tmp_path, model="ViT-B-32"))
    (broken,) = [item for item in items if isinstance(item, BrokenItem)]
    with pytest.raises(UnreadableImageError, match="have 5 numbers, those before 8"):
        broken.read()
    assert len(items) == 5


def test_rows_and_metadata_that_disagree_are_listed(tmp_path: Path) -> None:
    write(tmp_path, "0", rows(3), metadata=2)
    write(tmp_path, "1", rows(3))
    broken, *others = given(Embeddings(tmp_path, model="ViT-B-32"))
    with pytest.raises(UnreadableImageError, match=r"3 vectors, but metadata_0.parquet .* of 2"):
        broken.read()
    assert len(others) == 3


def test_files_that_do_not_pair(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, str(number), rows(2))
    (tmp_path / "metadata" / "metadata_1.parquet").unlink()
    (tmp_path / "img_emb" / "img_emb_2.npy").unlink()
    with pytest.raises(ConfigurationError, match="number 1 and 1 more have only one of the two"):
        Embeddings(tmp_path, model="ViT-B-32")


def test_two_files_of_one_number(tmp_path: Path) -> None:
    for number in ("1", "01"):
        np.save(tmp_path / f"img_emb_{number}.npy", rows(2))
    with pytest.raises(ConfigurationError, match=r"img_emb_01\.npy and img_emb_1\.npy"):
        Embeddings(tmp_path, model="ViT-B-32")


def test_damaged_files_are_listed(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, str(number), rows(2))
    path = tmp_path / "img_emb"
    (path / "img_emb_0.npy").write_bytes(b"no matrix")
    (path / "img_emb_1.npy").write_bytes((path / "img_emb_1.npy").read_bytes()[:-4])
    np.save(path / "img_emb_2.npy", np.array([{"a": 1}], dtype=object))
    np.save(path / "img_emb_3.npy", np.arange(8))
    source = Embeddings(tmp_path, model="ViT-B-32")
    source.require([SPEC])
    items = given(source)
    assert [isinstance(item, BrokenItem) for item in items] == [True] * 4 + [False] * 2


def test_no_embeddings(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no img_emb_"):
        Embeddings(tmp_path, model="ViT-B-32")


def test_a_row_of_zeros_stays_one(tmp_path: Path) -> None:
    np.save(tmp_path / "img_emb_0.npy", np.zeros((1, 8), np.float16))
    (item,) = given(Embeddings(tmp_path, model="ViT-B-32"))
    assert item.vectors is not None
    assert not item.vectors["clip"].any()
