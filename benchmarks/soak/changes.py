"""A thread that adds references, takes them down, compacts and reloads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from benchmarks.soak.background import Background
from benchmarks.soak.calls import Moving
from memguard import Guard, add_images
from memguard.lifecycle import compact_index, find_ids, readmit_images, remove_images

COMPACTED = 2
"""Every second takedown is followed by a compaction."""
PAUSE_SECONDS = 20.0
"""Between two changes, so that calls begin and end in each state, also where a call takes seconds
because 8 threads share a busy core."""


class Changes(Background):
    """Changes an index until it is told to stop, and ends with the moving references in it.

    Attributes:
        done: how often each change was made.
        problems: errors, which end it.
    """

    def __init__(self, guard: Guard, index: Path, folder: Path, moving: Moving) -> None:
        super().__init__()
        self.done: Counter[str] = Counter()
        self.problems: list[str] = []
        self._guard, self._index, self._folder, self._moving = guard, index, folder, moving

    def _run(self) -> None:
        try:
            while not self._ended.wait(PAUSE_SECONDS):
                ids = self._take_down()
                self._ended.wait(PAUSE_SECONDS)
                self._add(ids)
        except Exception as error:
            self.problems.append(f"{type(error).__name__}: {error}")

    def _take_down(self) -> list[str]:
        files = sorted(self._folder.iterdir())
        ids = [one for file in files for one in find_ids(self._index, str(file))]
        self._moving.become("either")
        remove_images(self._index, ids)
        self._reload()
        self._moving.become("shown")
        self.done["takedowns"] += 1
        if self.done["takedowns"] % COMPACTED == 0:
            compact_index(self._index)
            self.done["compactions"] += 1
            self._reload()
        return ids

    def _add(self, ids: list[str]) -> None:
        self._moving.become("either")
        readmit_images(self._index, ids)
        add_images(self._folder, self._index, workers=0, calibrate=False)
        self._reload()
        self._moving.become("withheld")
        self.done["additions"] += 1

    def _reload(self) -> None:
        self._guard.reload()
        self.done["reloads"] += 1
