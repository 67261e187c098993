"""The check behind every guarded call: copied, pickled."""

from __future__ import annotations

import copy
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.guarded_images import COPY, NOVEL, drawing

from memguard import Guard, IndexUnavailableError, open_index

BOTH = [drawing(COPY), drawing(NOVEL)]
LABELS = ["memorized", "clear"]


def labels(guard: Guard) -> list[str]:
    return [verdict.label for verdict in guard.check(BOTH)]


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def noted(outcome: object) -> None:
    """A function that pickles by name."""


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copied_guard_checks(index: Path, copied: Callable[[Any], Any]) -> None:
    guard = Guard(index, policy="raise", on_error="pass", thorough=True, on_verdict=noted)
    again = copied(guard)
    assert type(again) is Guard
    assert labels(again) == LABELS
    assert (again.policy, again.on_error) == (guard.policy, guard.on_error)
    assert again.on_verdict is noted
    assert again._checker.detector.thorough
    assert labels(guard) == LABELS


def test_a_deep_copy_loads_nothing_again(index: Path) -> None:
    guard = Guard(index)
    assert copy.deepcopy(guard)._checker.detector is guard._checker.detector


def test_a_copy_is_reloaded_on_its_own(own_index: Path) -> None:
    guard = Guard(own_index)
    before, again = guard.index, copy.deepcopy(guard)
    again.reload()
    assert guard.index is before
    assert again.index is not before


def test_a_pickle_names_its_index(
    own_index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(own_index.parent)
    data = pickle.dumps(Guard(own_index.name))
    assert len(data) < 4096
    monkeypatch.chdir(tmp_path.parent)
    assert labels(pickle.loads(data)) == LABELS
    shutil.rmtree(own_index)
    with pytest.raises(IndexUnavailableError, match="there is no index at"):
        pickle.loads(data)


def test_what_was_excluded_stays_excluded(index: Path) -> None:
    guard = Guard(index)
    (match,) = guard.check(drawing(COPY))[0].matches[:1]
    without = Guard(open_index(index).excluding([match.id]))
    for again in (without, copy.deepcopy(without), pickled(without)):
        assert labels(again) == ["clear", "clear"]
