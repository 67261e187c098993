"""What every guarded pipeline is and has: ``Guarded``, its guard, its verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from fixtures.guarded_images import COPY, drawing, is_blank, two
from PIL import Image

from memguard import Guard, Guarded, NoVerdictsError, guard

T = TypeVar("T")


class Drawer(Generic[T]):
    """A pipeline of a generic class."""

    def __call__(self, seed: int) -> Image.Image:
        return drawing(seed)


@pytest.mark.parametrize("made", [two, Drawer[int](), lambda: two()])
def test_every_guarded_pipeline_is_one(index: Path, made: Any) -> None:
    guarded = guard(made, index)
    assert isinstance(guarded, Guarded)
    assert isinstance(guarded.guard, Guard)
    assert not isinstance(made, Guarded)


def test_its_guard_reloads_and_checks(index: Path) -> None:
    guarded = guard(Drawer[int](), index)
    assert len(guarded.guard.reload()) == len(guarded.guard.index)
    assert guarded.guard.health().records == len(guarded.guard.index)
    assert [one.label for one in guarded.guard.check(drawing(COPY))] == ["memorized"]
    with pytest.raises(NoVerdictsError):
        guarded.last_verdicts  # noqa: B018
    assert is_blank(guarded(COPY))
    assert guarded.last_verdicts == guarded.guard.last_verdicts
