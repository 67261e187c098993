"""Which prompts an audit with a budget begins with: those that guide the first step most.

One step of one image shows how far a prompt moves the denoiser
(:mod:`memguard.sampling.text_guidance`), which is most for prompts whose training images are
memorized. So a budget of images that is too small for all prompts goes where copies are.
"""

from __future__ import annotations

from collections.abc import Sequence

from memguard.auditing.generation import PipelineCaller, image_seed
from memguard.auditing.run_folder import RunFolder
from memguard.auditing.sampling import Progress
from memguard.errors import ConfigurationError

PART = 50
"""Prompts after which the folder keeps what is ranked so far."""


def rank_prompts(
    caller: PipelineCaller,
    folder: RunFolder,
    prompts: Sequence[str],
    *,
    seed: int,
    on_progress: Progress,
) -> list[int]:
    """The numbers of the prompts, those that guide the first step most first.

    Args:
        caller: the pipeline.
        folder: holds what is ranked so far, and gets the rest.
        prompts: of the audit.
        seed: of the audit; each prompt's first step is that of its first image.
        on_progress: called after each prompt.

    Raises:
        ConfigurationError: the pipeline's first step cannot be read.
    """
    values = folder.ranking()
    for number in range(len(values), len(prompts)):
        measured = caller.first_step(prompts[number], [image_seed(seed, number, 0)])
        if not measured:
            raise ConfigurationError(
                f"the first step of {caller.name} cannot be read, so that its prompts cannot be "
                "ranked: leave the budget out"
            )
        values.append(measured[0].value)
        if len(values) % PART == 0 or len(values) == len(prompts):
            folder.write_ranking(values)
        on_progress("Ranking", len(values), len(prompts))
    return sorted(range(len(prompts)), key=lambda number: -values[number])
