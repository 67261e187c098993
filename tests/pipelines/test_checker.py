"""The check behind every guarded call: copied, pickled, forked, with an index that breaks."""

from __future__ import annotations

import copy
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.guarded_images import COPY, NOVEL, drawing
from fixtures.own_process import run_python

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


TRUNCATED = """
import os
from pathlib import Path
from fixtures.guarded_images import is_blank, two
from memguard import Guard, guard

pipe = guard(two, sys.argv[1])
print(*[is_blank(image) for image in pipe()])
for path in Path(sys.argv[1]).glob(sys.argv[2]):
    os.truncate(path, 0)
print(*[is_blank(image) for image in pipe()])
print(*[verdict.why for verdict in pipe.last_verdicts])
"""


@pytest.mark.parametrize("files", ["ann/*", "lists/*", "records.lance/data/*"])
def test_files_that_are_truncated_under_an_open_index(own_index: Path, files: str) -> None:
    """They are mapped into memory: to read what is gone kills the process."""
    first, second, why = run_python(TRUNCATED, own_index, files)
    assert first == "False True"
    assert second == "True True"
    assert why.startswith("the check could not run: ")


FORKED = """
import os, signal, threading, warnings
from fixtures.guarded_images import is_blank, two
from memguard import guard

warnings.simplefilter("ignore")
pipe = guard(two, sys.argv[1])
going = True

def work():
    while going:
        pipe()

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
pipe()
for number in range(4):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        continue
    signal.alarm(60)
    print(*[is_blank(image) for image in pipe()], pipe.last_verdicts[0].why[:60], flush=True)
    os._exit(0)
going = False
for thread in threads:
    thread.join()
print(*[is_blank(image) for image in pipe()])
"""


def test_a_forked_guard_withholds_and_says_why(index: Path) -> None:
    *forked, last = run_python(FORKED, index)
    why = "the check could not run: IndexUnavailableError: an index was"[:60]
    assert forked == [f"True True {why}"] * 4
    assert last == "False True"
