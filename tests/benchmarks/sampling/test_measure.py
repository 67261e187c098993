"""The figures of the sampling benchmark, by hand, and a model that runs through all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.extraction.pictures import SIDE, Example, TrainingSet
from benchmarks.sampling import measure
from benchmarks.sampling.__main__ import figures
from benchmarks.sampling.measure import (
    NOISES,
    Prompts,
    auc,
    cost,
    measure_prompts,
    recall_at,
    with_interval,
)
from benchmarks.sampling.pictures import Captioned
from benchmarks.sampling.train import (
    Denoiser,
    Model,
    Recipe,
    TextEncoder,
    TextToImage,
    scheduler,
)


def test_auc_counts_pairs() -> None:
    positive, negative = np.array([3.0, 1.0]), np.array([0.0, 1.0, 2.0])
    assert auc(positive, negative) == pytest.approx((3 + 1.5) / 6)


def test_recall_at_a_rate_that_no_negative_exceeds_too_often() -> None:
    negative = np.arange(200.0)
    assert recall_at(np.array([197.0, 197.5, 300.0]), negative, 0.01) == pytest.approx(2 / 3)
    assert recall_at(np.array([199.0, 300.0]), negative, 0.0) == 0.5


def test_an_interval_holds_its_figure() -> None:
    rng = np.random.default_rng(1)
    found = with_interval(auc, rng.normal(1, 1, 40), rng.normal(0, 1, 200))
    assert found["low"] < found["value"] < found["high"]
    assert found["high"] - found["low"] < 0.3


def example(number: int) -> Example:
    blocks = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    levels = blocks.repeat(SIDE // 8, axis=0).repeat(SIDE // 8, axis=1)
    return Example(f"picture-{number}", f"source {number}", levels, f"picture {number}")


@pytest.mark.parametrize("kind", ["epsilon", "flow"])
def test_a_model_is_trained_read_and_kept(kind: str, tmp_path: Path) -> None:
    examples = [example(number) for number in range(60)]
    pictures = Captioned(TrainingSet(examples, [3] * 2 + [1] * 58), [example(99)])
    model = Model(kind, pictures.trained, Recipe(40, batch=2, channels=(16, 32)))
    pipe = model.trained(tmp_path)
    prompts = measure_prompts(pipe, pictures, 2)
    assert prompts.captions == ["picture 0", "picture 1", "picture 2", "picture 3", "picture 99"]
    assert prompts.groups == ["repeated"] * 2 + ["once"] * 2 + ["left out"]
    assert prompts.values.shape == (5, NOISES)
    assert (prompts.values > 0).all()
    assert prompts.images == 2 * NOISES + 3
    prompts.save(tmp_path / "prompts.npz")
    again = Prompts.load(tmp_path / "prompts.npz")
    assert figures(again) == figures(prompts)


def test_the_reading_is_timed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "RUNS", 1)
    denoiser = Denoiser("flow", (16, 32)).eval()
    pipe = TextToImage(denoiser, TextEncoder(["picture"], 64), scheduler("flow"))
    seconds = cost(pipe, ["picture"])
    assert 0 < seconds["reading"] < seconds["one step"] < seconds["generation"]


def test_memorized_prompts_are_told_from_ordinary_ones() -> None:
    """Prompts of repeated pictures that are copied, against all that are not."""
    groups = ["repeated"] * 3 + ["once"] * 700
    copies = np.array([1.0, 0.5, 0.25] + [0.0] * 699 + [1.0])
    values = np.concatenate([[9.0, 8.0, 0.0], np.linspace(1, 2, 700)])
    prompts = Prompts([""] * 703, groups, np.tile(values[:, None], NOISES), copies, 0, 712)
    found = figures(prompts)
    assert (found["memorized"], found["ordinary"]) == (2, 699)
    assert found["one noise"]["auc"]["value"] == found["one noise"]["recall"]["value"] == 1
    assert found["calibrated"]["found"]["count"] == 2
    assert found["calibrated"]["flagged"]["count"] <= 8
    assert found["audit"]["0.02"] == 1
