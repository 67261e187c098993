"""A budget goes to the prompts that guide the first step most; what is ranked is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.guided_pipeline import GuidedPipeline, noisy
from PIL import Image

from memguard import ConfigurationError, audit
from memguard.auditing import ranking

PROMPTS = ["nothing 0.1", "a copy 0.9", "little 0.3", "most 1.5", "less 0.2"]
EACH = 4


def draw(prompt: str, seed: int) -> Image.Image:
    """One picture for each prompt that moves the denoiser far; other prompts have many."""
    shown = len(prompt) if float(prompt.split()[-1]) > 0.5 else seed
    blocks = np.random.default_rng(shown).integers(0, 256, (4, 4, 3))
    return noisy(blocks.repeat(4, axis=0).repeat(4, axis=1), seed)


def run(pipe: Any, output: Path, budget: int | None, **more: Any) -> Any:
    return audit(
        pipe, PROMPTS, output=output, images_per_prompt=EACH, clique=3, budget=budget, **more
    )


def test_the_budget_goes_to_the_prompts_that_guide_most(tmp_path: Path) -> None:
    pipe, steps = GuidedPipeline(draw), list[tuple[str, int, int]]()
    result = run(pipe, tmp_path, 2 * EACH + 1, on_progress=lambda *now: steps.append(now))
    assert {each.prompt for each in result.prompts} == {"a copy 0.9", "most 1.5"}
    assert result.unreached == ("little 0.3", "less 0.2", "nothing 0.1")
    assert all(each.marked for each in result.prompts)
    assert {each.prompt: round(each.text_guidance or 0, 3) for each in result.prompts} == {
        "a copy 0.9": 0.9,
        "most 1.5": 1.5,
    }
    assert result.counts.total == 2 * EACH
    assert "2 of 5" in result.provenance["prompts"]
    assert ("Ranking", 5, 5) in steps
    assert pipe.forwards["nothing 0.1"] == 1


def test_an_interrupted_ranking_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "PART", 1)

    def interrupt(_what: str, done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    first, second = GuidedPipeline(draw), GuidedPipeline(draw)
    with pytest.raises(KeyboardInterrupt):
        run(first, tmp_path, EACH, on_progress=interrupt)
    result = run(second, tmp_path, EACH)
    assert [each.prompt for each in result.prompts] == ["most 1.5"]
    assert (list(first.forwards), "nothing 0.1" in second.forwards) == (PROMPTS[:3], False)


def test_a_greater_budget_goes_on(tmp_path: Path) -> None:
    run(GuidedPipeline(draw), tmp_path, EACH)
    pipe = GuidedPipeline(draw)
    result = run(pipe, tmp_path, None)
    assert len(result.prompts) == len(PROMPTS)
    assert result.unreached == ()
    assert "most 1.5" not in pipe.forwards
    assert result.counts.total == len(PROMPTS) * EACH


def test_what_cannot_be_ranked_or_afforded_is_refused(tmp_path: Path) -> None:
    def pipe(prompt: str, seed: int) -> Image.Image:
        return draw(prompt, seed)

    with pytest.raises(ConfigurationError, match="leave the budget out"):
        run(pipe, tmp_path / "unseen", EACH)
    with pytest.raises(ConfigurationError, match="less than the 4 of one prompt"):
        run(GuidedPipeline(draw), tmp_path / "little", EACH - 1)
