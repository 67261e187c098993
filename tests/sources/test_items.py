"""Items of every kind travel to worker processes and keep what they are."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from memguard.errors import UnreadableImageError
from memguard.sources import BrokenItem, BytesItem, FileItem, Item
from memguard.sources.fetching import UrlItem
from memguard.sources.webdataset import SliceItem

ITEMS = [
    Item(uri="u", state="s", vectors={"clip": np.ones(2, np.float32)}),
    BytesItem(uri="u", state="s", data=b"x", caption="c", rights="r", url="http://h/u"),
    BrokenItem(uri="u", state="s", error=OSError("why")),
    BrokenItem(uri="u", state="s", error=UnreadableImageError("why")),
    FileItem(uri="u", state="s", path=Path("p")),
    SliceItem(uri="u", state="s", path=Path("p"), offset=1, length=2),
    UrlItem(uri="u", state="s", address="http://h/u"),
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_items_travel_to_workers(item: Item) -> None:
    assert pickle.loads(pickle.dumps(item)) == item
    assert len({item, item}) == 1
    assert item.has_pixels == (item.vectors is None)


def test_an_item_with_vectors_has_nothing_to_read() -> None:
    with pytest.raises(UnreadableImageError, match="no pixels"):
        ITEMS[0].read()


def test_bytes_do_not_fill_an_error_message() -> None:
    assert "data" not in repr(BytesItem(uri="u", state="s", data=b"x" * 1000))


def test_a_broken_item_raises_its_error() -> None:
    with pytest.raises(OSError, match="why"):
        ITEMS[2].read()
