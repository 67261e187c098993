"""``audit(pipe, prompts)``: generate, filter, and, with an index, compare with the training set.

generate images  ->  join those that are alike  ->  largest clique of each prompt  ->  rank
                 ->  look each image up in the index  ->  audit.json
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memguard.auditing.cliques import JOINED_TILED_L2, largest_clique, needed_clique
from memguard.auditing.distances import pairwise_tiled_l2, to_squares
from memguard.auditing.findings import LookedUp
from memguard.auditing.generation import PipelineCaller
from memguard.auditing.lookup import IndexLookup
from memguard.auditing.provenance import describe_audit
from memguard.auditing.ranking import rank_prompts
from memguard.auditing.result import Audit, PromptResult
from memguard.auditing.run_folder import RESULT, RunFolder
from memguard.auditing.samples import Counts, Sample
from memguard.auditing.sampling import Progress, describe_request, generate_all, progress_counter
from memguard.defaults import AUDIT_BATCH, AUDIT_IMAGES
from memguard.errors import ConfigurationError
from memguard.files import write_json
from memguard.index import Index
from memguard.verdict import Verdict


def audit(
    pipe: Callable[..., Any],
    prompts: Sequence[str],
    *,
    output: str | os.PathLike[str],
    index: Index | str | os.PathLike[str] | None = None,
    images_per_prompt: int = AUDIT_IMAGES,
    batch_size: int = AUDIT_BATCH,
    seed: int = 0,
    threshold: float = JOINED_TILED_L2,
    clique: int | None = None,
    budget: int | None = None,
    arguments: Mapping[str, Any] | None = None,
    thorough: bool = False,
    weights: Mapping[str, str] | None = None,
    on_progress: Progress = lambda _what, _done, _total: None,
) -> Audit:
    """Measure how much a model memorizes, as Carlini et al. 2023 did (arXiv 2301.13188).

    Makes many images of each prompt. Where enough of them are alike, the prompt is predicted to be
    memorized; with an index of the training set, every image is looked up as well. Images, seeds
    and the result are stored in a folder; the same call resumes an interrupted audit.

    Args:
        pipe: a diffusion pipeline, guarded or not, or any callable that takes a prompt and returns
            images. It gets the number of images and the seed where its signature has
            ``num_images_per_prompt`` or ``batch_size``, and ``generator`` or ``seed``.
        prompts: distinct texts.
        output: the folder.
        index: of the training set, or its path; None for a black-box audit.
        images_per_prompt: at least 2; 500 in the paper.
        batch_size: images made in one call.
        seed: the seed of each image follows from it.
        threshold: tiled l2 up to which two images are joined.
        clique: size of a clique that marks a prompt; by default
            :func:`memguard.auditing.cliques.needed_clique`.
        budget: images in all, where that is fewer than ``images_per_prompt`` for each prompt. One
            step ranks the prompts first (:mod:`memguard.auditing.ranking`), and those that guide it
            most get their images. The same call with a greater budget goes on. Shares are then of
            the prompts that were reached, and say nothing of the others.
        arguments: further arguments of every call, such as ``num_inference_steps``.
        thorough, weights: see :class:`memguard.Guard`.
        on_progress: called with a step's name, the work done, and all its work.

    Raises:
        ConfigurationError: an argument is out of range, the folder holds another audit, the
            pipeline's first step cannot be read and there is a budget, or the extra ``audit`` is
            not installed.
        IndexUnavailableError, WeightsError, CalibrationError: see :class:`memguard.Guard`.
        UnsupportedOutputError: the pipeline returns no images that memguard can read.
    """
    texts = list(prompts)
    if not texts or len(set(texts)) < len(texts):
        raise ConfigurationError("an audit takes distinct prompts, and at least one")
    if images_per_prompt < 2:
        raise ConfigurationError(f"images_per_prompt is at least 2, not {images_per_prompt}")
    if budget is not None and budget < images_per_prompt:
        raise ConfigurationError(
            f"the budget is {budget} images, less than the {images_per_prompt} of one prompt"
        )
    needed = needed_clique(images_per_prompt) if clique is None else clique
    caller = PipelineCaller(pipe, arguments or {})
    lookup = IndexLookup.open(index, thorough=thorough, weights=weights)
    request = describe_request(
        caller, seed, batch_size, prompts=texts, images_per_prompt=images_per_prompt
    )
    folder = RunFolder(output)
    with folder.locked(request):
        reached, unreached = list(range(len(texts))), list[int]()
        if budget is not None and budget < len(texts) * images_per_prompt:
            ranked = rank_prompts(caller, folder, texts, seed=seed, on_progress=on_progress)
            turns = budget // images_per_prompt
            reached, unreached = ranked[:turns], ranked[turns:]
        counted = dict.fromkeys(reached, images_per_prompt)
        generated = generate_all(
            caller,
            folder,
            [(text, counted.get(number, 0)) for number, text in enumerate(texts)],
            seed=seed,
            batch_size=batch_size,
            on_progress=on_progress,
            order=reached,
        )
        counts = Counts.of(sample for samples in generated for sample in samples)
        advance = progress_counter(on_progress, "Comparing", counts.made)
        results: list[PromptResult] = []
        looked_up: list[LookedUp] = []
        for number in sorted(reached):
            text, samples = texts[number], generated[number]
            verdicts = lookup.verdicts(folder, number, samples, advance) if lookup else None
            results.append(
                _prompt_result(folder, number, text, samples, verdicts, threshold, needed)
            )
            looked_up += [
                (text, sample, verdict)
                for sample, verdict in zip(samples, verdicts or ())
                if verdict is not None
            ]
        result = Audit(
            request=request,
            threshold=threshold,
            needed=needed,
            counts=counts,
            prompts=tuple(sorted(results, key=lambda each: each.suspicion)),
            findings=lookup.findings(looked_up) if lookup else None,
            provenance=describe_audit(caller, lookup) | _reached(len(reached), len(texts)),
            unreached=tuple(texts[number] for number in unreached),
        )
        write_json(folder.path / RESULT, result.to_json())
    return result


def _reached(count: int, total: int) -> dict[str, str]:
    """Heading to value: which prompts all shares are of, where the budget did not reach all."""
    if count == total:
        return {}
    return {
        "prompts": f"{count} of {total}: those that guide the first step most; shares are of these"
    }


def _prompt_result(
    folder: RunFolder,
    number: int,
    prompt: str,
    samples: Sequence[Sample],
    verdicts: Sequence[Verdict | None] | None,
    threshold: float,
    needed: int,
) -> PromptResult:
    made = [i for i, sample in enumerate(samples) if sample.status == "made"]
    squares = to_squares([folder.image(str(samples[i].file)) for i in made])
    found = largest_clique(pairwise_tiled_l2(squares, squares), threshold)
    medoid = None if found.medoid is None else made[found.medoid]
    return PromptResult(
        prompt=prompt,
        number=number,
        counts=Counts.of(samples),
        clique=dataclasses.replace(
            found, members=tuple(made[i] for i in found.members), medoid=medoid
        ),
        marked=found.size >= needed,
        medoid=None if medoid is None else samples[medoid].file,
        verdict=verdicts[medoid] if verdicts and medoid is not None else None,
        memorized=None
        if verdicts is None
        else sum(verdict is not None and verdict.label == "memorized" for verdict in verdicts),
        text_guidance=guidance.value if (guidance := samples[0].text_guidance) else None,
    )
