"""Which levels are black and white, image by image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.levels import NOT_FINITE, Levels, levels
from memguard.pipelines.pictures import Unreadable


def ramps(*ends: tuple[float, float], dtype: Any = np.float32) -> np.ndarray:
    """One image for each lowest and highest level."""
    return np.stack([np.linspace(low, high, 48).reshape(4, 4, 3) for low, high in ends]).astype(
        dtype
    )


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([(0, 1), (0, 60)], [Levels(0, 1), Levels(0, 255)]),
        ([(0, 1), (-1, 1)], [Levels(-1, 1), Levels(-1, 1)]),
        ([(0, 12), (0, 250)], [Levels(0, 255), Levels(0, 255)]),
        ([(-0.005, 1.004)], [Levels(0, 1)]),
        ([(-1.2, 1.4)], [Levels(-1, 1)]),
    ],
)
def test_floats(ends: Any, expected: list[Levels]) -> None:
    assert levels(ramps(*ends)) == expected
    assert levels(ramps(*ends, dtype=np.float16)) == expected


@pytest.mark.parametrize(
    ("ends", "dtype", "expected"),
    [
        ([(0, 1)], np.bool_, Levels(0, 1)),
        ([(0, 9)], np.uint8, Levels(0, 255)),
        ([(0, 255)], np.int64, Levels(0, 255)),
        ([(0, 65535)], np.uint16, Levels(0, 65535)),
    ],
)
def test_integers(ends: Any, dtype: Any, expected: Levels) -> None:
    assert levels(ramps(*ends, dtype=dtype)) == [expected]


def test_only_the_images_that_fit_no_range_are_unreadable() -> None:
    found = levels(ramps((0, 1), (0, 15.9), (0, np.nan)))
    assert found[0] == Levels(0, 1)
    assert isinstance(found[1], Unreadable)
    assert "from 0 to 15.9" in found[1].reason
    assert found[2] == Unreadable(NOT_FINITE)


@pytest.mark.parametrize("dtype", [complex, object, "S4", "datetime64[s]"])
def test_what_is_no_number_is_refused(dtype: Any) -> None:
    with pytest.raises(UnsupportedOutputError, match="no levels of images"):
        levels(np.zeros((1, 4, 4, 3), int).astype(dtype))
