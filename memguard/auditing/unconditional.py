"""The audit of a model that takes no prompts: the CIFAR-10 experiment of Carlini et al. 2023."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memguard.auditing.cliques import JOINED_TILED_L2, LEAST_CLIQUE, distinct_cliques
from memguard.auditing.distances import Pixels
from memguard.auditing.eidetic import DELTA, RELATIVE_COPY, Metric, eidetic_counts, nearest
from memguard.auditing.generation import PipelineCaller
from memguard.auditing.lookup import IndexLookup
from memguard.auditing.provenance import describe_audit
from memguard.auditing.references import ReferencePixels
from memguard.auditing.run_folder import RESULT, RunFolder
from memguard.auditing.samples import Counts
from memguard.auditing.sampling import Progress, describe_request, generate_all, progress_counter
from memguard.auditing.unconditional_result import Eidetic, Group, UnconditionalAudit
from memguard.calibration.rates import Rate
from memguard.defaults import AUDIT_BATCH
from memguard.errors import ConfigurationError
from memguard.files import write_json
from memguard.index import Index
from memguard.verdict import Verdict

SAMPLES_PER_FILE = 500
"""Samples in one JSON file."""

KS = (1, 2, 5, 10, 50, 100)
"""The k of (k, l, delta)-eidetic memorization that are counted by default."""


def audit_unconditional(
    pipe: Callable[..., Any],
    samples: int,
    *,
    output: str | os.PathLike[str],
    index: Index | str | os.PathLike[str] | None = None,
    batch_size: int = AUDIT_BATCH,
    seed: int = 0,
    threshold: float = JOINED_TILED_L2,
    clique: int = LEAST_CLIQUE,
    delta: float = DELTA,
    ks: Sequence[int] = KS,
    metric: Metric = "tiled_l2",
    arguments: Mapping[str, Any] | None = None,
    thorough: bool = False,
    weights: Mapping[str, str] | None = None,
    on_progress: Progress = lambda _what, _done, _total: None,
) -> UnconditionalAudit:
    """Measure how much a model without prompts memorizes.

    Without an index, images that come out again and again are found as cliques among all samples.
    With one, every sample is also looked up, and compared with every training image on pixels:
    relative l2, and (k, l, delta)-eidetic memorization.

    Args:
        pipe: as for :func:`memguard.audit`, but called without a prompt.
        samples: number of images to make; the paper made 2^20.
        clique: size of a clique that marks an image as memorized.
        delta, metric: the distance up to which a training image counts as extracted.
        ks: see :func:`memguard.auditing.eidetic.eidetic_counts`.
        output, index, batch_size, seed, threshold, arguments, thorough, weights, on_progress:
            see :func:`memguard.audit`.

    Raises:
        ConfigurationError, IndexUnavailableError, WeightsError, CalibrationError,
            UnsupportedOutputError: see :func:`memguard.audit`.
    """
    if samples < 1:
        raise ConfigurationError(f"an audit takes at least one sample, not {samples}")
    caller = PipelineCaller(pipe, arguments or {})
    lookup = IndexLookup.open(index, thorough=thorough, weights=weights)
    request = describe_request(caller, seed, batch_size, samples=samples)
    folder = RunFolder(output)
    starts = range(0, samples, SAMPLES_PER_FILE)
    with folder.locked(request):
        generated = generate_all(
            caller,
            folder,
            [(None, min(SAMPLES_PER_FILE, samples - start)) for start in starts],
            seed=seed,
            batch_size=batch_size,
            on_progress=on_progress,
        )
        everything = [sample for part in generated for sample in part]
        made = {str(each.file): each for each in everything if each.status == "made"}
        verdicts: dict[str, Verdict] = {}
        if lookup is not None:
            advance = progress_counter(on_progress, "Comparing", len(made))
            for number, part in enumerate(generated):
                for sample, verdict in zip(part, lookup.verdicts(folder, number, part, advance)):
                    if verdict is not None:
                        verdicts[str(sample.file)] = verdict
        squares = folder.squares(list(made))
        result = UnconditionalAudit(
            request=request,
            threshold=threshold,
            needed=clique,
            counts=Counts.of(everything),
            groups=_groups(list(made), squares, verdicts, threshold, clique),
            findings=lookup.findings(
                [(None, made[file], verdict) for file, verdict in verdicts.items()]
            )
            if lookup
            else None,
            provenance=describe_audit(caller, lookup),
            eidetic=_eidetic(lookup.index, squares, delta, ks, metric) if lookup else None,
        )
        write_json(folder.path / RESULT, result.to_json())
    return result


def _groups(
    files: Sequence[str],
    squares: Pixels,
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
        for found in distinct_cliques(squares, threshold, least)
        if found.medoid is not None
    )


def _eidetic(
    index: Index, squares: Pixels, delta: float, ks: Sequence[int], metric: Metric
) -> Eidetic | None:
    references = ReferencePixels(index, squares.shape[1])
    near = nearest(squares, references)
    if not len(references.file_counts):
        return None
    copies = near.relative < RELATIVE_COPY
    return Eidetic(
        compared=len(references.file_counts),
        relative=tuple(near.relative.tolist()),
        copies=Rate.of(int(copies.sum()), len(squares)),
        distinct=len(set(near.row[copies].tolist())),
        delta=delta,
        metric=metric,
        counts=eidetic_counts(
            squares,
            references,
            delta=delta,
            ks=ks,
            file_counts=references.file_counts,
            metric=metric,
        ),
    )
