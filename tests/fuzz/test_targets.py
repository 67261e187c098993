"""Random changes of well-formed inputs, a few of each; ``nox -s fuzz`` goes on for minutes."""

from __future__ import annotations

import numpy as np
import pytest
from fuzz.targets import TARGETS, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.outputs import find_images

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True, database=None)

EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=12)), max_size=4)
"""Where, as a share of the length; how many bytes go; what comes instead."""


def edited(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for where, gone, new in edits:
        at = int(where * len(data))
        data = data[:at] + new + data[at + gone :]
    return data


@pytest.mark.parametrize("target", TARGETS)
@EXAMPLES
@given(st.data())
def test_a_target_survives(target: str, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(seeds(target)))
    TARGETS[target](edited(seed, data.draw(EDITS)))


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_takes_its_seeds(target: str) -> None:
    for seed in [*seeds(target), b""]:
        TARGETS[target](seed)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=20),
    st.sampled_from(
        [
            Image.new("RGB", (8, 8), "red"),
            Image.new("F", (3, 1)),
            np.zeros((2, 8, 8, 3), np.uint8),
            np.full((8, 8, 3), np.nan),
            np.array([object(), None], dtype=object),
            np.zeros((0, 3)),
            np.array(["text"]),
            {1, 2},
            object(),
        ]
    ),
)
OUTPUTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["images", "frames", "latents", "x"]), inner, max_size=3),
    ),
    max_leaves=8,
)


def pictures_in(value: object) -> int:
    """Pillow images anywhere inside."""
    if isinstance(value, dict):
        return sum(map(pictures_in, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(pictures_in, value))
    return int(isinstance(value, Image.Image))


@settings(EXAMPLES, max_examples=300)
@given(OUTPUTS)
def test_every_picture_of_an_output_is_found_or_it_is_refused(output: object) -> None:
    try:
        found = find_images(output)
    except UnsupportedOutputError:
        return
    assert len(found.pictures) == len(found.pieces)
    assert len(found.pictures) >= pictures_in(output)
    assert found.replaced({}) is output
