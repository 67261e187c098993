"""What containers hold, and copies of them that hold something else."""

from __future__ import annotations

from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.containers import attributes_of, items_of, like, with_members

Pair = namedtuple("Pair", "images seed")


class Rows(list):
    """A list with an attribute."""


class Named(OrderedDict):
    """Items, and attributes beside them."""


@dataclass(frozen=True, slots=True)
class Slotted:
    images: Any
    seed: int = 7


class Computed:
    images = property(lambda self: [1])


def test_lists_tuples_and_namedtuples_stay_what_they_are() -> None:
    assert like([1, 2], [3, 4]) == [3, 4]
    assert like((1, 2), [3, 4]) == (3, 4)
    assert like(Pair(1, 2), [3, 4]) == Pair(3, 4)
    rows = Rows([1, 2])
    rows.name = "a"
    changed = like(rows, [3, 4])
    assert (type(changed), changed, changed.name, rows) == (Rows, [3, 4], "a", [1, 2])


@pytest.mark.parametrize("values", [deque([1]), {1}, frozenset([1]), type("T", (tuple,), {})([1])])
def test_other_collections_are_not_made_again(values: Any) -> None:
    with pytest.raises(UnsupportedOutputError, match="return a list of images"):
        like(values, [2])


def test_what_objects_and_mappings_hold() -> None:
    assert items_of({"a": 1}) == {"a": 1}
    assert items_of([("a", 1)]) == {}
    assert attributes_of(SimpleNamespace(a=1)) == {"a": 1}
    assert attributes_of(Slotted([1])) == {"images": [1], "seed": 7}
    assert attributes_of(Computed(), ["images", "frames"]) == {"images": [1]}
    named = Named(images=[1])
    named.images, named.seed = named["images"], 7
    assert attributes_of(named) == {"seed": 7}
    named.images = [2]
    assert attributes_of(named) == {"images": [2], "seed": 7}


@pytest.mark.parametrize("nothing", [print, len, SimpleNamespace, pytest, 7, lambda: 0])
def test_callables_modules_and_numbers_hold_nothing(nothing: Any) -> None:
    assert attributes_of(nothing) == {}


def test_the_original_keeps_its_images() -> None:
    answer, items = SimpleNamespace(images=[1], seed=7), {"images": [1], "seed": 7}
    assert with_members(answer, {}, {"images": [2]}) == SimpleNamespace(images=[2], seed=7)
    assert with_members(items, {"images": [2]}, {}) == {"images": [2], "seed": 7}
    assert with_members(Slotted([1]), {}, {"images": [2]}) == Slotted([2])
    assert (answer.images, items["images"]) == ([1], [1])


def test_what_cannot_be_changed_is_refused() -> None:
    with pytest.raises(UnsupportedOutputError, match="type mappingproxy; return a list"):
        with_members(MappingProxyType({"images": [1]}), {"images": [2]}, {})
    with pytest.raises(UnsupportedOutputError, match="type Computed; return a list"):
        with_members(Computed(), {}, {"images": [2]})
