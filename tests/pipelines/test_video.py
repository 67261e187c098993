"""A copy of any second of a video is found, named and withheld; few frames are checked in full."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fixtures.guarded_images import COPY, NOVEL, drawing
from fixtures.tiny_video import FPS, TinyVideoPipeline, panned
from PIL import Image

from memguard import ConfigurationError, Guard, MemorizedImageError, guard
from memguard.pipelines.pictures import Unreadable
from memguard.pipelines.video import EVERY, SCENE_LEVELS, verdict_on_video
from memguard.verdict import FrameSpan, Verdict

OTHER = NOVEL + 7
SCENES = [NOVEL, COPY, OTHER]
SECOND = range(FPS, 2 * FPS)
"""The frames that are copied."""


def arrays(frames: Any, output_type: str) -> list[np.ndarray]:
    """The frames of the first video, as bytes (h, w, 3)."""
    if output_type == "pil":
        return [np.asarray(frame, dtype=float) for frame in frames[0]]
    levels = np.asarray(frames[0], dtype=float) * 255
    return list(levels.transpose(0, 2, 3, 1) if output_type == "pt" else levels)


def make(pipeline: Any, **arguments: Any) -> Any:
    return pipeline("a dog", generator=torch.Generator().manual_seed(0), **arguments)


@pytest.fixture(scope="module")
def copied() -> TinyVideoPipeline:
    return TinyVideoPipeline(SCENES)


@pytest.mark.parametrize("return_dict", [True, False])
@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_the_copied_second_stands_still(
    copied: Any, index: Path, output_type: str, return_dict: bool
) -> None:
    original = make(copied, output_type=output_type).frames
    guarded = guard(copied, index)
    output = make(guarded, output_type=output_type, return_dict=return_dict)
    frames = output.frames if return_dict else output[0]
    assert type(frames) is type(original)
    seen, before = arrays(frames, output_type), arrays(original, output_type)
    for i, (frame, own) in enumerate(zip(seen, before, strict=True)):
        expected = before[SECOND[0] - 1] if i in SECOND else own
        assert np.array_equal(frame, expected), i

    (verdict,) = guarded.last_verdicts
    assert verdict.label == "memorized"
    assert verdict.frames == (FrameSpan(SECOND[0], SECOND[-1], "memorized"),)
    assert verdict.why.startswith("frames 8-15 of 24: copy_evidence")
    assert verdict.matches[0].uri.endswith(f"{COPY}.png")
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert verdict.to_log()["frames"] == [{"first": 8, "last": 15, "label": "memorized"}]
    if return_dict:
        assert output.memorization == [verdict]


def test_a_video_that_begins_with_a_copy_begins_grey(index: Path) -> None:
    output = make(guard(TinyVideoPipeline([COPY, NOVEL]), index))
    frames = arrays(output.frames, "pil")
    assert all((frame == 127).all() for frame in frames[:FPS])
    assert np.ptp(frames[FPS]) > 0


def test_the_whole_video_is_withheld_if_asked_to(copied: Any, index: Path) -> None:
    output = make(guard(copied, index, videos="whole"))
    assert all((frame == 127).all() for frame in arrays(output.frames, "pil"))
    output = make(guard(copied, index, videos="whole", placeholder="blurred"))
    assert all(np.ptp(frame) > 0 for frame in arrays(output.frames, "pil"))
    with pytest.raises(ConfigurationError, match="unknown videos='all'; choose one of span, whole"):
        Guard(index, videos="all")


def test_a_clear_video_is_the_very_same(index: Path) -> None:
    pipeline = TinyVideoPipeline([NOVEL, OTHER])
    guarded = guard(pipeline, index)
    output = make(guarded)
    original = make(pipeline)
    assert all(map(np.array_equal, arrays(output.frames, "pil"), arrays(original.frames, "pil")))
    (verdict,) = output.memorization
    assert (verdict.label, verdict.frames) == ("clear", ())
    assert "of 16 checked in full, the others cheaply" in verdict.why


def test_other_policies(copied: Any, index: Path) -> None:
    with pytest.raises(MemorizedImageError):
        make(guard(copied, index, policy="raise"))
    output = make(guard(copied, index, policy="flag"))
    assert output.memorization[0].label == "memorized"
    assert np.ptp(arrays(output.frames, "pil")[SECOND[0]]) > 0
    output = make(guard(copied, index, policy="regenerate"), num_videos_per_prompt=2)
    assert [verdict.attempt for verdict in output.memorization] == [3, 3]
    assert np.array_equal(*arrays(output.frames, "pil")[SECOND[0] - 1 : SECOND[0] + 1])


def test_sound_passes_untouched(index: Path) -> None:
    video = torch.stack([torch.from_numpy(np.array(one)) for one in panned(COPY)])
    sound = torch.randn(1, 2, 48_000)
    output = guard(lambda: {"frames": video.permute(0, 3, 1, 2)[None], "audio": sound}, index)()
    assert output["audio"] is sound
    assert (output["frames"] == 127).all()


def test_a_frame_that_cannot_be_read_is_withheld_whatever_the_policy(index: Path) -> None:
    levels = np.stack([np.asarray(one, dtype=np.float32) / 255 for one in panned(NOVEL)])
    levels[3, 0, 0, 0] = np.nan
    for policy in ("flag", "block"):
        guarded = guard(lambda: {"frames": levels[None]}, index, policy=policy)
        shown = guarded()["frames"][0]
        (verdict,) = guarded.last_verdicts
        assert verdict.frames == (FrameSpan(3, 3, "unchecked"),)
        assert "NaN" in verdict.why
        assert np.array_equal(shown[3], levels[2])
        assert np.array_equal(shown[4:], levels[4:])


# Which frames are checked, without an index: a frame's colour says what it is.

CLEAR, MEMORIZED, NEAR = 0, 200, 100
LABELS = {CLEAR: "clear", MEMORIZED: "memorized", NEAR: "similar"}


class Counted:
    """Checks frames by their red level, and notes their blue level, which is their number."""

    def __init__(self, levels: Sequence[int | None], step: int = 8) -> None:
        self.frames = [
            Unreadable("broken")
            if level is None
            else Image.new("RGB", (8, 8), (level, 0, i * step))
            for i, level in enumerate(levels)
        ]
        self.step = step
        self.full: list[int] = []
        self.cheap: list[int] = []

    def detect(self, images: Sequence[Image.Image]) -> list[Verdict]:
        pixels = [image.getpixel((0, 0)) for image in images]
        self.full += [blue // self.step for _, _, blue in pixels]
        return [Verdict(LABELS[red], red / 200, why=f"red {red}") for red, _, _ in pixels]

    def near(self, images: Sequence[Image.Image]) -> list[bool]:
        pixels = [image.getpixel((0, 0)) for image in images]
        self.cheap += [blue // self.step for _, _, blue in pixels]
        return [red == NEAR for red, _, _ in pixels]

    def verdict(self) -> Verdict:
        return verdict_on_video(
            self.frames, self.detect, self.near, lambda frame: Verdict("unchecked", 0.0, why="?")
        )


def test_a_scene_is_checked_at_its_begin_end_and_every_few_frames() -> None:
    video = Counted([CLEAR] * 20)
    assert video.verdict().label == "clear"
    assert sorted(video.full) == [0, EVERY, 2 * EVERY, 3 * EVERY, 19]
    assert sorted({*video.full, *video.cheap}) == list(range(20))


def test_frames_that_show_the_same_are_checked_once() -> None:
    levels = [CLEAR] * 60 + [MEMORIZED] * 60
    video = Counted(levels)
    video.frames = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in levels]
    verdict = video.verdict()
    assert len(video.full) == 2
    assert verdict.frames == (FrameSpan(60, 119, "memorized"),)


def test_slow_changes_add_up() -> None:
    """Each frame hardly differs from the one before, and all differ from the first."""
    video = Counted([CLEAR] * 60, step=2)
    video.verdict()
    assert len({*video.full, *video.cheap}) > 10


def test_what_the_cheap_comparison_finds_is_checked() -> None:
    levels = [CLEAR] * 24
    levels[8] = NEAR
    video = Counted(levels)
    assert video.verdict().frames == (FrameSpan(8, 8, "similar"),)


@pytest.mark.parametrize("start", range(24))
def test_a_copied_second_is_found_wherever_it_begins(start: int) -> None:
    """Also without a scene's change and without the cheap comparison."""
    levels = [CLEAR] * 31
    levels[start : start + EVERY] = [40] * EVERY
    LABELS[40] = "memorized"
    verdict = Counted(levels).verdict()
    assert verdict.frames == (FrameSpan(start, min(start + EVERY, 31) - 1, "memorized"),)


def test_a_failing_cheap_comparison_means_that_all_is_checked() -> None:
    video = Counted([CLEAR] * 20)

    def failing(images: Sequence[Image.Image]) -> list[bool]:
        raise OSError("no index")

    video.near = failing  # type: ignore[method-assign]
    assert video.verdict().label == "clear"
    assert sorted(video.full) == list(range(20))


def test_the_gravest_frame_decides_and_every_span_is_named() -> None:
    verdict = Counted(
        [CLEAR, None, None, CLEAR, MEMORIZED, MEMORIZED, NEAR, CLEAR, MEMORIZED]
    ).verdict()
    assert verdict.label == "memorized"
    assert verdict.why == "frames 4-5, 8 of 9: red 200"
    assert [(str(span), span.label) for span in verdict.frames] == [
        ("1-2", "unchecked"),
        ("4-5", "memorized"),
        ("6", "similar"),
        ("8", "memorized"),
    ]


def test_pans_of_drawings_are_one_scene() -> None:
    """The fixture's seconds move, and are not scenes of one frame each."""
    frames = [np.asarray(one, dtype=float) for one in panned(NOVEL)]
    steps = [np.abs(one - other).mean() for one, other in pairwise(frames)]
    assert 2 < min(steps) <= max(steps) < SCENE_LEVELS
    assert np.abs(frames[-1] - np.asarray(panned(COPY)[0], dtype=float)).mean() > SCENE_LEVELS


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_copied_second_in_hidden_colours_is_found(index: Path, alpha: int) -> None:
    def hidden(seed: int) -> Image.Image:
        frame = drawing(seed).convert("RGBA")
        frame.putalpha(alpha)
        return frame

    frames = [hidden(seed) for seed in (NOVEL, COPY, NOVEL) for _ in range(FPS)]
    guarded = guard(lambda: {"frames": [frames]}, index)
    guarded()
    (verdict,) = guarded.last_verdicts
    assert verdict.label == "memorized"
    assert verdict.frames == (FrameSpan(SECOND[0], SECOND[-1], "memorized"),)
