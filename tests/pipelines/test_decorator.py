"""``@guarded``: functions, methods, coroutines and generators."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.guarded_images import COPY, NOVEL, drawing, is_blank, two
from PIL import Image

from memguard import ConfigurationError, IndexUnavailableError, MemorizedImageError, guarded


def blanks(images: list[Image.Image]) -> list[bool]:
    return [is_blank(image) for image in images]


def test_a_function(index: Path) -> None:
    @guarded(index=index)
    def draw(seed: int, more: int = 0) -> list[Image.Image]:
        """Draw."""
        return [*two(seed), *map(drawing, range(NOVEL + 5, NOVEL + 5 + more))]

    assert blanks(draw(NOVEL, more=1)) == [False, True, False]
    assert [verdict.label == "memorized" for verdict in draw.last_verdicts] == [False, True, False]
    assert (draw.__name__, draw.__doc__) == ("draw", "Draw.")
    assert blanks(functools.partial(draw, NOVEL)()) == [False, True]


def test_methods_of_every_kind(index: Path) -> None:
    class Studio:
        copy = COPY

        @guarded(index=index)
        def make(self) -> Image.Image:
            return drawing(self.copy)

        @classmethod
        @guarded(index=index)
        def of_the_class(cls) -> Image.Image:
            return drawing(cls.copy)

        @staticmethod
        @guarded(index=index)
        def alone() -> Image.Image:
            return drawing(COPY)

        @property
        @guarded(index=index)
        def image(self) -> Image.Image:
            return drawing(self.copy)

        @guarded(index=index)
        async def later(self) -> Image.Image:
            return drawing(self.copy)

        @guarded(index=index)
        def each(self) -> Iterator[Image.Image]:
            yield drawing(self.copy)

    class Annex(Studio):
        def make(self) -> Image.Image:
            return super().make()

    studio = Studio()
    shown = [studio.make(), Annex().make(), Studio.of_the_class(), Studio.alone(), studio.image]
    shown += [asyncio.run(studio.later()), *studio.each(), Studio.make(studio)]
    assert blanks(shown) == [True] * 8


def test_options(index: Path) -> None:
    @guarded(index=index, policy="raise")
    def draw() -> list[Image.Image]:
        return two()

    with pytest.raises(MemorizedImageError):
        draw()


def test_the_index_of_the_settings(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMGUARD_INDEX", str(index))
    assert blanks(guarded()(two)()) == [False, True]


def test_what_it_takes(index: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"@guarded\(index="):
        guarded(two)
    with pytest.raises(ConfigurationError, match="is a class"):
        guarded(index)(Image.Image)
    with pytest.raises(IndexUnavailableError):
        guarded("nothing.memguard")
