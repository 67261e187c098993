"""Copies of outputs with other images."""

from __future__ import annotations

from collections import namedtuple
from types import MappingProxyType, SimpleNamespace

import pytest

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.containers import like, with_images, with_items

Pair = namedtuple("Pair", "images seed")


def test_lists_tuples_and_namedtuples_stay_what_they_are() -> None:
    assert like([1, 2], [3, 4]) == [3, 4]
    assert like((1, 2), [3, 4]) == (3, 4)
    assert like(Pair(1, 2), [3, 4]) == Pair(3, 4)


def test_the_original_keeps_its_images() -> None:
    answer, items = SimpleNamespace(images=[1], seed=7), {"images": [1], "seed": 7}
    assert with_images(answer, [2]) == SimpleNamespace(images=[2], seed=7)
    assert with_items(items, {"images": [2]}) == {"images": [2], "seed": 7}
    assert with_images(Pair([1], 7), [2]) == Pair([2], 7)
    assert (answer.images, items["images"]) == ([1], [1])


def test_what_cannot_be_changed_is_refused() -> None:
    with pytest.raises(UnsupportedOutputError, match="type mappingproxy; return a list"):
        with_items(MappingProxyType({"images": [1]}), {"images": [2]})
    with pytest.raises(UnsupportedOutputError, match="type object; return a list"):
        with_images(object(), [2])
