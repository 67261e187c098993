"""The audit of a model that takes no prompts: the CIFAR-10 experiment of Carlini et al. 2023."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from memguard.auditing.cliques import JOINED, LEAST_CLIQUE, distinct_cliques
from memguard.auditing.distances import Levels, common_side, levels_of
from memguard.auditing.eidetic import DELTA, RELATIVE_COPY, Metric, eidetic_counts, nearest
from memguard.auditing.generation import Maker
from memguard.auditing.lookup import LookUp, ReferenceLevels
from memguard.auditing.run_folder import RESULT, Kept
from memguard.auditing.samples import Counts
from memguard.auditing.sampling import Progress, counted, make_all, request_of
from memguard.auditing.unconditional_result import Eidetic, Group, UnconditionalAudit
from memguard.calibration.calibrate import Rate
from memguard.defaults import AUDIT_BATCH
from memguard.errors import ConfigurationError
from memguard.files import write_json
from memguard.index import Index
from memguard.verdict import Verdict

PAGE = 500
"""Images that one JSON file lists."""

KS = (1, 2, 5, 10, 50, 100)
"""Numbers of duplicates up to which eidetic memorization is counted."""


def audit_unconditional(
    pipe: Callable[..., Any],
    samples: int,
    *,
    output: str | os.PathLike[str],
    index: Index | str | os.PathLike[str] | None = None,
    batch_size: int = AUDIT_BATCH,
    seed: int = 0,
    threshold: float = JOINED,
    clique: int = LEAST_CLIQUE,
    delta: float = DELTA,
    ks: Sequence[int] = KS,
    metric: Metric = "tiled_l2",
    arguments: Mapping[str, Any] | None = None,
    thorough: bool = False,
    weights: Mapping[str, str] | None = None,
    on_progress: Progress = lambda _what, _done, _total: None,
) -> UnconditionalAudit:
    """Measure how much a model memorizes that takes no prompts.

    Without an index, images that come out again and again are found as cliques among all samples.
    With one, every sample is looked up, and compared on pixels with every training image: relative
    l2, and (k, l, delta)-eidetic memorization.

    Args:
        pipe: as for :func:`memguard.audit`, but called without a prompt.
        samples: how many images to make; the paper made 2^20.
        clique: how many images must be alike to count as one that is memorized.
        delta, metric: the distance within which a training image counts as extracted.
        ks: numbers of training images within ``delta`` of it up to which it is counted.
        output, index, batch_size, seed, threshold, arguments, thorough, weights, on_progress:
            see :func:`memguard.audit`.

    Raises:
        the errors of :func:`memguard.audit`.
    """
    if samples < 1:
        raise ConfigurationError(f"an audit takes at least one sample, not {samples}")
    maker = Maker(pipe, arguments or {})
    looking = LookUp.opened(index, thorough=thorough, weights=weights)
    request = request_of(maker, seed, batch_size, samples=samples)
    kept = Kept(output)
    with kept.opened(request):
        made = make_all(
            maker,
            kept,
            [(None, min(PAGE, samples - start)) for start in range(0, samples, PAGE)],
            seed=seed,
            batch_size=batch_size,
            on_progress=on_progress,
        )
        everything = [sample for page in made for sample in page]
        shown = {str(each.file): each for each in everything if each.status == "made"}
        verdicts: dict[str, Verdict] = {}
        if looking is not None:
            advance = counted(on_progress, "Comparing", len(shown))
            for number, page in enumerate(made):
                for sample, verdict in zip(page, looking.verdicts(kept, number, page, advance)):
                    if verdict is not None:
                        verdicts[str(sample.file)] = verdict
        levels = _levels(kept, list(shown))
        result = UnconditionalAudit(
            request=request,
            threshold=threshold,
            needed=clique,
            counts=Counts.of(everything),
            groups=_groups(list(shown), levels, verdicts, threshold, clique),
            findings=looking.findings(
                [(None, shown[file], verdict) for file, verdict in verdicts.items()]
            )
            if looking
            else None,
            eidetic=_eidetic(looking.index, levels, delta, ks, metric) if looking else None,
        )
        write_json(kept.path / RESULT, result.to_json())
    return result


def _levels(kept: Kept, files: Sequence[str]) -> Levels:
    """All images at the size of the first, which one model's images share."""
    side = common_side([kept.image(file) for file in files[:1]])
    blocks = [levels_of([kept.image(file)], side) for file in files]
    return np.concatenate([levels_of([], side), *blocks])


def _groups(
    files: Sequence[str],
    levels: Levels,
    verdicts: Mapping[str, Verdict],
    threshold: float,
    least: int,
) -> tuple[Group, ...]:
    return tuple(
        Group(
            files=tuple(files[i] for i in found.members),
            mean_distance=found.mean_distance,
            medoid=files[found.medoid],
            verdict=verdicts.get(files[found.medoid]),
        )
        for found in distinct_cliques(levels, threshold, least)
        if found.medoid is not None
    )


def _eidetic(
    index: Index, levels: Levels, delta: float, ks: Sequence[int], metric: Metric
) -> Eidetic | None:
    references = ReferenceLevels(index, levels.shape[1])
    near = nearest(levels, references)
    if not len(references.copies):
        return None
    copies = near.relative < RELATIVE_COPY
    return Eidetic(
        compared=len(references.copies),
        relative=tuple(near.relative.tolist()),
        copies=Rate.of(int(copies.sum()), len(levels)),
        distinct=len(set(near.position[copies].tolist())),
        delta=delta,
        metric=metric,
        counts=eidetic_counts(
            levels, references, delta=delta, ks=ks, copies=references.copies, metric=metric
        ),
    )
