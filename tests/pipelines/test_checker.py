"""The check behind every guarded call: copied, pickled, forked, with an index that breaks."""

from __future__ import annotations

import copy
import pickle
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.guarded_images import COPY, NOVEL, drawing, is_blank
from fixtures.own_process import run_python
from fixtures.tiny_video import panned

from memguard import CheckFailedError, Guard, IndexUnavailableError, add_images, open_index
from memguard.detection.detector import Detector
from memguard.index import Index
from memguard.pipelines import checker, watch

BOTH = [drawing(COPY), drawing(NOVEL)]
LABELS = ["memorized", "clear"]
SECONDS = 60
"""After which a test that waits for another thread has failed."""


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


def test_of_two_reloads_at_once_the_newest_version_stays(
    own_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = Guard(own_index)
    make, opened, may_end = checker.guarding_detector, threading.Event(), threading.Event()

    def slow(index: Index, **options: Any) -> Detector:
        made = make(index, **options)
        if threading.current_thread() is first:
            opened.set()
            assert may_end.wait(SECONDS)
        return made

    monkeypatch.setattr(checker, "guarding_detector", slow)
    first, second = (threading.Thread(target=guard.reload) for _ in range(2))
    first.start()
    assert opened.wait(SECONDS)
    (tmp_path / "new").mkdir()
    drawing(99).save(tmp_path / "new" / "99.png")
    add_images(tmp_path / "new", own_index, workers=0)
    second.start()
    second.join(0.2)
    may_end.set()
    first.join()
    second.join()
    assert guard.check(drawing(99))[0].label == "memorized"


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

threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
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


HELD_AT_FORK = """
import os, signal, threading, warnings
from fixtures.guarded_images import is_blank, two
from memguard import Guard

warnings.simplefilter("ignore")
guard = Guard(sys.argv[1])
pipe, checker = guard.wrap(two), guard._checker
for lock in [checker._lock, checker._watch._lock, checker._suspects.lock]:
    lock.acquire()  # as a thread would that is in the middle of a check
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
else:
    signal.alarm(60)
    print(*[is_blank(image) for image in pipe()], flush=True)
    os._exit(0)
"""


def test_a_lock_held_at_a_fork_blocks_no_child(index: Path) -> None:
    assert run_python(HELD_AT_FORK, index) == ["True True"]


def test_an_index_that_was_mended_is_opened_again(
    own_index: Path, index: Path, caplog: pytest.LogCaptureFixture
) -> None:
    guard = Guard(own_index)
    for name in ("ann", "lists"):
        for path in (own_index / name).iterdir():
            path.write_bytes((index / name / path.name).read_bytes())  # as rsync --inplace does
    assert labels(guard) == LABELS
    assert "was opened again" in caplog.text


def test_an_index_that_is_gone_is_not_opened_at_each_check(
    own_index: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "RECHECK_CHECKS", 0)
    guard = Guard(own_index)
    away = own_index.rename(own_index.with_name("away"))
    for _ in range(3):
        assert labels(guard) == ["unchecked", "unchecked"]
    assert caplog.text.count("could not be opened again: there is no index") == 1
    away.rename(own_index)
    assert labels(guard) == LABELS


def test_another_index_in_its_place_is_opened(
    own_index: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_index.parent / "more").mkdir()
    drawing(NOVEL).save(own_index.parent / "more" / "novel.png")
    add_images(own_index.parent / "more", own_index, workers=0)
    guard = Guard(own_index)
    assert labels(guard) == ["memorized", "memorized"]
    own_index.rename(own_index.with_name("elsewhere"))
    shutil.copytree(index, own_index)
    monkeypatch.setattr(watch, "RECHECK_CHECKS", 0)
    assert labels(guard) == LABELS


def slow(guard: Guard, monkeypatch: pytest.MonkeyPatch, at: int) -> threading.Event:
    """Make the guard check one image at a time, and halt at one until the event is set."""
    detector = guard._checker.detector
    detect, released, seen = detector.detect, threading.Event(), []

    def halting(images: Any) -> Any:
        if len(images) > 1:
            raise MemoryError("too many")
        seen.append(images)
        if len(seen) > at:
            released.wait(60)
        return detect(images)

    monkeypatch.setattr(detector, "detect", halting)
    return released


def test_what_was_found_in_time_counts(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that is known stays blocked, also where what cannot be checked may pass."""
    guard = Guard(index, timeout_s=2, on_error="pass")
    guarded = guard.wrap(lambda: [drawing(COPY), drawing(NOVEL)])
    released = slow(guard, monkeypatch, at=1)
    first, second = guarded()
    released.set()
    assert (is_blank(first), is_blank(second)) == (True, False)
    copied, late = guarded.last_verdicts
    assert copied.label == "memorized"
    assert late.why == "the check could not run: TimeoutError: it took longer than 2 s"


@pytest.mark.parametrize("on_error", ["block", "raise"])
def test_a_late_check_withholds_or_raises(
    index: Path, on_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = Guard(index, timeout_s=0.2, on_error=on_error)
    released = slow(guard, monkeypatch, at=0)
    guarded = guard.wrap(lambda: drawing(NOVEL))
    if on_error == "raise":
        with pytest.raises(CheckFailedError, match="it took longer than"):
            guarded()
    else:
        assert is_blank(guarded())
    released.set()


def test_a_video_has_one_time_limit(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its cheap comparisons and all its batches together."""
    released, ended = threading.Event(), []

    def halting(detector: Any, images: Any) -> list[bool]:
        ended.append(released.wait(20))
        return [False] * len(images)

    monkeypatch.setattr(checker, "may_be_near", halting)
    guarded = Guard(index, timeout_s=1).wrap(lambda: {"frames": [panned(COPY, 30)]})
    shown = guarded()
    assert ended == [], "nobody waits for a comparison that hangs"
    released.set()
    assert all(map(is_blank, shown["frames"][0]))
    (verdict,) = guarded.last_verdicts
    assert verdict.why.endswith("TimeoutError: it took longer than 1 s")


def test_a_check_that_fails_after_a_copy_was_made_again_shows_nothing(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = Guard(index, policy="regenerate", on_error="pass")
    seeds = iter([COPY, 2000, 2001, 2002])
    guarded = guard.wrap(lambda: drawing(next(seeds)))
    detector = guard._checker.detector
    detect, calls = detector.detect, []

    def failing(images: Any) -> Any:
        calls.append(images)
        if len(calls) > 1:
            raise OSError("gone")
        return detect(images)

    monkeypatch.setattr(detector, "detect", failing)
    assert is_blank(guarded())
    (verdict,) = guarded.last_verdicts
    assert (verdict.label, verdict.attempt) == ("memorized", 3)
