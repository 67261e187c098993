"""Cached properties: computed once, and not one after the other for all instances."""

from __future__ import annotations

import threading

from memguard.vision.cached import cached_property


class Meeting:
    """Two instances whose property waits for the other's."""

    def __init__(self, barrier: threading.Barrier) -> None:
        self.barrier = barrier
        self.computed = 0

    @cached_property
    def place(self) -> int:
        self.barrier.wait()
        self.computed += 1
        return self.computed


def test_instances_do_not_wait_for_each_other() -> None:
    barrier = threading.Barrier(2, timeout=30)
    first, second = Meeting(barrier), Meeting(barrier)
    other = threading.Thread(target=lambda: second.place)
    other.start()
    assert first.place == 1
    other.join()
    assert (first.place, second.place, first.computed) == (1, 1, 1)
