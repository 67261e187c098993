"""``memguard_allow``: a call may give back the images that it was given, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.guarded_images import COPY, INDEXED, drawing, is_blank
from fixtures.series_index import right_eye
from PIL import Image

from memguard import ConfigurationError, Guard, Verdict, guard


def gives(*images: Image.Image) -> Callable[..., list[Image.Image]]:
    """A pipeline that returns these images, and takes no argument that it does not know."""

    def pipeline(prompt: str = "") -> list[Image.Image]:
        return list(images)

    return pipeline


def labels(guarded: Any) -> list[str]:
    return [verdict.label for verdict in guarded.last_verdicts]


@pytest.fixture(scope="module")
def series_guard(series: Path) -> Guard:
    return Guard(series)


def test_the_given_image_comes_back(index: Path) -> None:
    guarded = guard(gives(drawing(COPY)), index)
    (image,) = guarded("x", memguard_allow=[drawing(COPY)])  # type: ignore[call-arg]
    assert image == drawing(COPY)
    (verdict,) = guarded.last_verdicts
    assert verdict.label == "clear"
    assert verdict.exempt[0].exempt == "allowed for this call"
    guarded("x")
    assert labels(guarded) == ["memorized"]


def test_other_copies_are_blocked(index: Path) -> None:
    first, second = INDEXED[0], INDEXED[1]
    guarded = guard(gives(drawing(first), drawing(second)), index)
    shown = guarded("x", memguard_allow=drawing(second))  # type: ignore[call-arg]
    assert labels(guarded) == ["memorized", "clear"]
    assert [is_blank(image) for image in shown] == [True, False]
    guarded("x", memguard_allow=[drawing(first), drawing(second)])  # type: ignore[call-arg]
    assert labels(guarded) == ["clear", "clear"]


def test_another_picture_of_the_series_is_blocked(
    series_guard: Guard, photographs: dict[str, Image.Image]
) -> None:
    left = photographs["motorcycle_left.png"]
    (verdict,) = series_guard.check(right_eye(), allow=left)
    assert verdict.label == "memorized"
    assert verdict.matches[0].uri.endswith("right.png")


def test_a_part_does_not_allow_the_whole(series_guard: Guard, cat: Image.Image) -> None:
    part = cat.crop((60, 40, 400, 280))
    assert series_guard.check(part)[0].label == "memorized"
    assert series_guard.check(cat, allow=part)[0].label == "memorized"


def test_files_arrays_and_none_are_taken(index: Path, tmp_path: Path) -> None:
    drawing(COPY).save(tmp_path / "a.png")
    guarded = guard(gives(drawing(COPY)), index)
    for given in (tmp_path / "a.png", np.asarray(drawing(COPY))[None], iter([drawing(COPY)])):
        guarded("x", memguard_allow=given)  # type: ignore[call-arg]
        assert labels(guarded) == ["clear"]
    for given in (None, [], Image.new("RGB", (8, 8)), drawing(INDEXED[0])):
        guarded("x", memguard_allow=given)  # type: ignore[call-arg]
        assert labels(guarded) == ["memorized"]


def test_what_is_no_image_is_refused_before_the_pipeline_runs(index: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    calls: list[str] = []
    guarded = guard(calls.append, index)
    for wrong, message in (
        (tmp_path / "broken.png", "an image in memguard_allow cannot be read"),
        (tmp_path / "missing.png", "there is no file"),
        (7, "not this int"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            guarded("x", memguard_allow=wrong)  # type: ignore[call-arg]
    assert calls == []


def test_a_pipeline_that_draws_into_its_input_allows_what_it_was_given(index: Path) -> None:
    """Else it would allow whatever it makes of it."""

    def draws(image: Image.Image) -> Image.Image:
        image.paste(drawing(INDEXED[0]))
        return image

    guarded, given = guard(draws, index), drawing(COPY)
    guarded(given, memguard_allow=given)  # type: ignore[call-arg]
    assert labels(guarded) == ["memorized"]


def test_generators_coroutines_and_objects(index: Path) -> None:
    def each() -> Iterator[Image.Image]:
        yield drawing(COPY)
        yield drawing(INDEXED[0])

    async def later() -> Image.Image:
        return drawing(COPY)

    class Pipe:
        def __call__(self) -> Image.Image:
            return drawing(COPY)

    given = {"memguard_allow": [drawing(COPY)]}
    own = Guard(index)
    found = [verdicts[0].label for _, verdicts in own.call(each, **given)]
    assert found == ["clear", "memorized"]
    _, verdicts = asyncio.run(own.call(later, **given))
    assert verdicts[0].label == "clear"
    pipe = own.wrap(Pipe())
    pipe(**given)
    assert labels(pipe) == ["clear"]


def test_regenerations_are_allowed_the_same(index: Path) -> None:
    made = iter([drawing(INDEXED[0]), drawing(COPY)])
    guarded = guard(lambda: next(made), index, policy="regenerate")
    image = guarded(memguard_allow=[drawing(COPY)])  # type: ignore[call-arg]
    assert image == drawing(COPY)
    (verdict,) = guarded.last_verdicts
    assert (verdict.label, verdict.attempt) == ("clear", 1)


def test_it_is_logged(index: Path, caplog: pytest.LogCaptureFixture) -> None:
    guarded = guard(gives(drawing(COPY)), index)
    with caplog.at_level("INFO", logger="memguard"):
        guarded("x", memguard_allow=[drawing(COPY)])  # type: ignore[call-arg]
    (record,) = (one for one in caplog.records if hasattr(one, "memguard"))
    assert "clear, shown" in record.message
    assert "is allowed for this call" in record.message
    assert record.memguard["exempt"][0]["as"] == "allowed for this call"


def test_a_look_up_that_fails_blocks(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Guard(index)

    def fails(*_: object) -> list[Verdict]:
        raise OSError("the disk is gone")

    monkeypatch.setattr("memguard.pipelines.allowance.find_same", fails)
    (verdict,) = own.check(drawing(COPY), allow=drawing(COPY))
    assert verdict.label == "unchecked"
