"""Items that hold no file, and the place that a source is asked about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memguard.errors import UnreadableImageError
from memguard.sources import BrokenItem, BytesItem, Folder, Item
from memguard.sources.base import Embedded, Place
from memguard.sources.embeddings import Embeddings


def test_an_item_with_vectors_has_nothing_to_read() -> None:
    with pytest.raises(UnreadableImageError, match="no pixels"):
        Item(uri="u", state="s", vectors={"clip": np.ones(2, np.float32)}).read()


def test_bytes_do_not_fill_an_error_message() -> None:
    assert "data" not in repr(BytesItem(uri="u", state="s", data=b"x" * 1000))


def test_a_broken_item_raises_its_error() -> None:
    with pytest.raises(OSError, match="why"):
        BrokenItem(uri="u", state="s", error=OSError("why")).read()


def test_a_suffix_is_that_of_a_file_in_lower_case(tmp_path: Path) -> None:
    (tmp_path / "LIST.TXT").touch()
    (tmp_path / "folder.tar").mkdir()
    assert Place(tmp_path / "LIST.TXT", {}).suffix == ".txt"
    assert Place(str(tmp_path / "folder.tar"), {}).suffix == ""
    assert Place("hf:someone/pictures.tar", {}).suffix == ""


def test_suffixes_of_two_levels_count(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("0.PNG", "a/0.tar", "a/b/0.parquet"):
        (tmp_path / name).touch()
    assert Place(tmp_path, {}).suffixes_inside == {".png", ".tar", ""}
    assert Place(tmp_path / "0.PNG", {}).suffixes_inside == frozenset()


def test_only_embeddings_ask_for_a_descriptor(tmp_path: Path) -> None:
    np.save(tmp_path / "img_emb_0.npy", np.ones((1, 8)))
    assert isinstance(Embeddings(tmp_path, model="ViT-B-32"), Embedded)
    assert not isinstance(Folder(tmp_path), Embedded)
