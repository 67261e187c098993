"""Calls of a guarded pipeline that returns the picture it was asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image

from benchmarks.soak.pictures import Asked, Role
from memguard import Guard, request_key

Right = Literal["withheld", "shown", "either"]


@dataclass(frozen=True)
class Answer:
    """What became of one image.

    Attributes:
        request: the key of its call.
        role: see :data:`benchmarks.soak.pictures.Role`.
        right: what should become of it; ``either`` where the index changed during the call.
        label: of its verdict, or the error that the call raised.
        shown: whether the caller got the picture.
        milliseconds: of the call.
    """

    request: str
    role: str
    right: Right
    label: str
    shown: bool
    milliseconds: float

    @property
    def is_wrong(self) -> bool:
        """Whether a copy was shown, or a picture withheld that was checked and is no copy."""
        if self.right == "withheld":
            return self.shown
        return self.right == "shown" and not self.shown


@dataclass(frozen=True)
class State:
    """Whether the moving references are in the index that checks.

    Attributes:
        number: of the state; it grows with each change.
        right: what should become of their copies.
    """

    number: int
    right: Right


class Moving:
    """The state that the moving references are in."""

    def __init__(self, right: Right) -> None:
        self.state = State(0, right)

    def become(self, right: Right) -> None:
        self.state = State(self.state.number + 1, right)


def returned(images: Sequence[Image.Image]) -> list[Image.Image]:
    """The pipeline."""
    return [image.copy() for image in images]


def ask(pipeline: Any, guard: Guard, asked: Asked, request: str, moving: Moving) -> Answer:
    """Ask for one image."""
    before, started = moving.state, time.perf_counter()
    shown = False
    try:
        with request_key(request):
            (image,) = pipeline([asked.image])
        (verdict,) = guard.last_verdicts
        label: str = verdict.label
        shown = np.array_equal(np.asarray(image), np.asarray(asked.image))
    except Exception as error:
        label = f"{type(error).__name__}: {error}"
    milliseconds = 1000 * (time.perf_counter() - started)
    right: Right = "withheld" if asked.role == "copy" else "shown"
    if asked.role == "moving":
        right = before.right if moving.state == before else "either"
    return Answer(request, asked.role, right, label, shown, round(milliseconds, 1))


class Callers:
    """Threads that ask until they are told to stop.

    Attributes:
        answers: so far.
    """

    def __init__(
        self, guard: Guard, asked: Sequence[Asked], moving: Moving, threads: int, seed: int
    ) -> None:
        self.answers: list[Answer] = []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(guard, asked, moving, number, seed))
            for number in range(threads)
        ]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(
        self, guard: Guard, asked: Sequence[Asked], moving: Moving, number: int, seed: int
    ) -> None:
        pipeline = guard.wrap(returned)
        rng = np.random.default_rng([seed, number])
        groups = [[one for one in asked if one.role == role] for role in get_args(Role)]
        by_role = [group for group in groups if group]
        call = 0
        while not self._ended.is_set():
            many = by_role[int(rng.integers(len(by_role)))]
            one = many[int(rng.integers(len(many)))]
            self.answers.append(ask(pipeline, guard, one, f"soak-{number}-{call}", moving))
            call += 1


def without_change(answers: Sequence[Answer]) -> list[Answer]:
    """The answers whose right outcome is known, moving copies named by their state."""
    return [
        replace(one, role=f"moving, {'in' if one.right == 'withheld' else 'taken down'}")
        if one.role == "moving"
        else one
        for one in answers
        if one.right != "either"
    ]
