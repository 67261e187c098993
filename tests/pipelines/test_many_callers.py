"""One guard for many threads, tasks and processes, while its index changes."""

from __future__ import annotations

import asyncio
import operator
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from fixtures.guarded_images import COPY, NOVEL, drawing
from fixtures.own_process import run_python

from memguard import Guard

IMAGES = [drawing(COPY), drawing(NOVEL)]
LABELS = ["memorized", "clear"]

CHANGING = """
import threading
from pathlib import Path
from fixtures.guarded_images import COPY, NOVEL, drawing
from memguard import Guard, add_images, compact_index, remove_images

index = Path(sys.argv[1])
guard = Guard(index)
ended, found = threading.Event(), []

def check():
    images = [drawing(COPY), drawing(NOVEL)]
    while True:
        found.append([verdict.label for verdict in guard.check(images)])
        if ended.wait(4):  # the index changes in this process, which needs time for it
            break

threads = [threading.Thread(target=check) for _ in range(32)]
for thread in threads:
    thread.start()
(index.parent / "more").mkdir()
drawing(500).save(index.parent / "more" / "more.png")
add_images(index.parent / "more", index, workers=0, calibrate=False)
guard.reload()
(added,) = guard.check(drawing(500))
print(added.label)
remove_images(index, ids=[added.matches[0].id])
guard.reload()
compact_index(index)
guard.reload()
(removed,) = guard.check(drawing(500))
print(removed.label)
ended.set()
for thread in threads:
    thread.join()
print(len(found) >= 32, *sorted({" ".join(labels) for labels in found}))
"""


def test_32_threads_while_the_index_changes(own_index: Path) -> None:
    assert run_python(CHANGING, own_index) == ["memorized", "clear", "True memorized clear"]


def test_tasks_and_threads_of_one_loop(index: Path) -> None:
    guard = Guard(index, timeout_s=100)

    async def make() -> list[object]:
        return [drawing(COPY), drawing(NOVEL)]

    async def all_at_once() -> list[list[str]]:
        calls = [guard.call(make) for _ in range(6)]
        return [[one.label for one in verdicts] for _, verdicts in await asyncio.gather(*calls)]

    assert asyncio.run(all_at_once()) == [LABELS] * 6
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(guard.check, [IMAGES] * 6))
    assert [[one.label for one in verdicts] for verdicts in found] == [LABELS] * 6


def test_a_process_that_is_spawned(index: Path) -> None:
    guard = Guard(index)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = pool.submit(operator.methodcaller("check", IMAGES), guard).result(timeout=120)
    here = guard.check(IMAGES)
    assert [one.label for one in there] == LABELS
    assert there == here
    assert pickle.loads(pickle.dumps(here)) == here
