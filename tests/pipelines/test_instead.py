"""What stands in place of withheld frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from memguard import ConfigurationError
from memguard.pipelines.instead import Instead
from memguard.pipelines.outputs import find_images
from memguard.verdict import FrameSpan, Verdict

GREY = 127


def shown(*spans: tuple[int, int, Any], labels: Iterable[Any] | None, **options: Any) -> list[int]:
    """The levels of ten frames, 10 to 100, after these spans were withheld."""
    frames = [Image.new("RGB", (8, 8), (10 * i,) * 3) for i in range(1, 11)]
    output = find_images({"frames": frames})
    verdict = Verdict("memorized", 1.0, frames=tuple(FrameSpan(*span) for span in spans))
    piece = Instead(**options).piece(output, 0, output.pictures[0], verdict, labels)
    assert [frame.getpixel((0, 0))[0] for frame in frames] == list(range(10, 101, 10))
    return [int(np.asarray(frame)[0, 0, 0]) for frame in piece]


def test_the_last_frame_before_a_span_stands_still() -> None:
    spans = (2, 3, "memorized"), (5, 5, "similar"), (9, 9, "memorized")
    kept = shown(*spans, labels=["memorized"])
    assert kept == [10, 20, 20, 20, 50, 60, 70, 80, 90, 90]
    kept = shown(*spans, labels=["memorized", "similar"])
    assert kept == [10, 20, 20, 20, 50, 50, 70, 80, 90, 90]


def test_the_placeholder_stands_where_nothing_came_before() -> None:
    assert shown((0, 1, "memorized"), labels=["memorized"])[:3] == [GREY, GREY, 30]


@pytest.mark.parametrize("spans", [[(2, 3, "memorized")], []])
def test_the_whole_video(spans: Any) -> None:
    assert shown(*spans, labels=None) == [GREY] * 10
    assert shown(*spans, labels=["memorized"], videos="whole") == [GREY] * 10
    assert spans or shown(labels=["memorized"]) == [GREY] * 10, "no frames are named"


def test_wrong_options() -> None:
    with pytest.raises(ConfigurationError, match="choose one of span, whole"):
        Instead(videos="frames")  # type: ignore[arg-type]
