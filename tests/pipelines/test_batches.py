"""Batches whose check fails are halved."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from PIL import Image

from memguard.errors import IndexUnavailableError
from memguard.pipelines.batches import Answer, answer_all
from memguard.verdict import Verdict

IMAGES = [Image.new("L", (1 + number, 1)) for number in range(11)]
WAITING = RuntimeError("waiting")


def verdict_on(image: Image.Image) -> Verdict:
    return Verdict("clear", image.width, why="")


class Small:
    """A check for which a few images are too many, and one image is wrong."""

    def __init__(self, most: int, wrong: int = 99) -> None:
        self.most, self.wrong, self.sizes = most, wrong, list[int]()

    def __call__(self, images: Sequence[Image.Image]) -> list[Verdict]:
        self.sizes.append(len(images))
        if len(images) > self.most:
            raise MemoryError("too many")
        if any(image.width == self.wrong for image in images):
            raise ValueError("wrong")
        return [verdict_on(image) for image in images]


def answers(check: Small, wanted: Sequence[int] = range(11), parts: int = 99) -> list[Answer]:
    found: list[Answer] = [WAITING] * len(IMAGES)
    answer_all(check, IMAGES, found, wanted, lambda: len(check.sizes) < parts)
    return found


def test_what_is_too_large_for_the_memory_is_checked_in_parts() -> None:
    check = Small(most=3)
    assert answers(check) == [verdict_on(image) for image in IMAGES]
    assert check.sizes == [11, 5, 2, 3, 6, 3, 3]


def test_only_the_image_that_breaks_the_check_has_no_verdict() -> None:
    found = answers(Small(most=99, wrong=7))
    assert [number for number, one in enumerate(found) if isinstance(one, Exception)] == [6]
    assert str(found[6]) == "wrong"
    assert found[5] == verdict_on(IMAGES[5])


def test_an_image_for_which_there_is_no_memory() -> None:
    assert all(isinstance(one, MemoryError) for one in answers(Small(most=0)))


def test_an_index_that_is_gone_is_not_asked_again() -> None:
    asked = []

    def gone(images: Sequence[Image.Image]) -> list[Verdict]:
        asked.append(len(images))
        raise IndexUnavailableError("gone")

    found: list[Answer] = [WAITING] * len(IMAGES)
    answer_all(gone, IMAGES, found, range(11), lambda: True)
    assert asked == [11]
    assert all(isinstance(one, IndexUnavailableError) for one in found)


def test_only_what_is_wanted_and_only_while_anybody_waits() -> None:
    assert answers(Small(most=99), wanted=[2, 4])[1:5] == [
        WAITING,
        verdict_on(IMAGES[2]),
        WAITING,
        verdict_on(IMAGES[4]),
    ]
    assert answers(Small(most=99), wanted=[]) == [WAITING] * 11
    found = answers(Small(most=3), parts=3)
    assert found == [verdict_on(image) for image in IMAGES[:2]] + [WAITING] * 9


def test_a_failed_answer_holds_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    found = answers(Small(most=99, wrong=7))
    assert isinstance(found[6], ValueError)
    assert found[6].__traceback__ is None
    assert "smaller batches: the check of 11 images failed (ValueError: wrong)" in caplog.text
    assert "could not check 1 images" in caplog.text
