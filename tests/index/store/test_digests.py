"""Sets of digests: as a Python set answers, whatever their last bytes."""

from __future__ import annotations

import numpy as np
import pytest

from memguard.index.store import digests as known
from memguard.index.store.digests import DIGEST, Digests, as_array, file_digest, places


def digests(count: int, seed: int = 0) -> list[bytes]:
    """Random digests; every third ends with zeros, which numpy strings do not keep."""
    random = np.random.default_rng(seed)
    whole = [random.bytes(DIGEST) for _ in range(count)]
    return [one[:10] + bytes(6) if i % 3 == 0 else one for i, one in enumerate(whole)]


def test_it_holds_what_was_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "SET_DIGESTS", 8)
    first, more, others = digests(100), digests(100, seed=1), digests(100, seed=2)
    held = Digests(as_array(first))
    for one in [*more, *more]:
        held.add(one)
    assert len(held) == 200
    assert all(one in held for one in [*first, *more])
    assert not any(one in held for one in others)


def test_an_empty_set_holds_nothing() -> None:
    assert bytes(DIGEST) not in Digests(as_array([]))
    assert len(Digests(as_array([]))) == 0


def test_places() -> None:
    held = digests(10)
    at, there = places(as_array([held[7], bytes(DIGEST), held[0]]), as_array(held))
    assert there.tolist() == [True, False, True]
    assert (at[0], at[2]) == (7, 0)
    assert not places(as_array(held), as_array([]))[1].any()


def test_a_file_and_its_state_are_told_apart() -> None:
    pairs = [("a", "b"), ("ab", ""), ("", "ab"), ("a", "c"), ("b", "a"), ("\udcff", "x")]
    assert len({file_digest(*pair) for pair in pairs}) == len(pairs)
