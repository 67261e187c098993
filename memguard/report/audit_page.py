"""An audit as one HTML page.

For those who decide whether a model ships: what was found, how certain it is, and each extracted
image next to its training image.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memguard.auditing.eidetic import DELTA, RELATIVE_COPY
from memguard.auditing.findings import Extraction
from memguard.auditing.result import Audit, PromptResult
from memguard.auditing.run_folder import RESULT, RunFolder
from memguard.auditing.unconditional_result import UnconditionalAudit
from memguard.defaults import AUDIT_PAGE
from memguard.files import write_text
from memguard.index import Index
from memguard.index.open import open_index
from memguard.report.audit_text import headline
from memguard.report.pages import find_pictures, picture_uri, plot_uri, render
from memguard.report.plots import precision_plot, relative_plot
from memguard.report.provenance import audit_provenance

MOST_PAIRS = 100
"""Extracted images that are shown; audit.json lists all."""

MOST_PROMPTS = 200
"""Prompts in the table; audit.json lists all."""

MOST_CLIQUES = 30
"""Cliques whose images are shown."""

SHOWN = 6
"""Images of a clique that are shown, the medoid first."""


def audit_page(
    audit: Audit | UnconditionalAudit,
    folder: str | os.PathLike[str],
    index: Index | str | os.PathLike[str] | None = None,
    command: str | None = None,
) -> str:
    """The page, as HTML.

    Args:
        audit: the result.
        folder: the audit's folder, with its images.
        index: the source of the training images; by default the audit's index.
        command: how to repeat the audit; by default its call in Python.

    Raises:
        ConfigurationError: the extra ``report`` is not installed, or an image is gone.
        IndexUnavailableError: see :meth:`memguard.open_index`.
    """
    run_folder = RunFolder(folder)
    extractions = audit.findings.extractions if audit.findings else ()
    flagged = audit.findings.flagged if audit.findings else ()
    opened = _index(audit, index)
    prompts = audit.prompts if isinstance(audit, Audit) else ()
    eidetic = audit.eidetic if isinstance(audit, UnconditionalAudit) else None
    precision = audit.precision if isinstance(audit, Audit) else ()
    marked = sum(result.marked and result.clique.size > 0 for result in prompts)
    return render(
        "audit.html.j2",
        audit=audit,
        headline=headline(audit),
        prompts=prompts[:MOST_PROMPTS],
        all_prompts=len(prompts),
        cliques=_cliques(run_folder, audit),
        pairs=_pairs(run_folder, extractions[:MOST_PAIRS], opened),
        flagged=_pairs(run_folder, flagged[:MOST_PAIRS], opened),
        more_pairs=max(0, len(extractions) - MOST_PAIRS),
        precision=plot_uri(precision_plot(precision, marked)),
        at_marked=precision[marked - 1] if precision and marked else None,
        relative=plot_uri(relative_plot(eidetic.relative)) if eidetic else None,
        eidetic=eidetic,
        delta=DELTA,
        relative_copy=RELATIVE_COPY,
        folder=str(folder),
        result=RESULT,
        provenance=audit_provenance(audit, command or _call(audit, folder)),
    )


def write_audit_page(
    audit: Audit | UnconditionalAudit,
    folder: str | os.PathLike[str],
    index: Index | str | os.PathLike[str] | None = None,
    command: str | None = None,
) -> Path:
    """Write the page into the audit's folder, and return where it is.

    Raises:
        ConfigurationError, IndexUnavailableError: see :func:`audit_page`.
    """
    target = Path(folder) / AUDIT_PAGE
    write_text(target, audit_page(audit, folder, index, command))
    return target


def _call(audit: Audit | UnconditionalAudit, folder: str | os.PathLike[str]) -> str:
    """The call in Python that repeats an audit."""
    asked = audit.request
    if isinstance(audit, Audit):
        count = f"images_per_prompt={asked.get('images_per_prompt')}"
        call = f"memguard.audit(pipe, prompts of {RESULT}, {count}"
    else:
        call = f"memguard.audit_unconditional(pipe, {asked.get('samples')}"
    options = {
        "output": str(folder),
        "index": audit.findings.index if audit.findings else None,
        "batch_size": asked.get("batch_size"),
        "seed": asked.get("seed"),
        "threshold": audit.threshold,
        "clique": audit.needed,
        "arguments": asked.get("arguments") or None,
    }
    given = (f"{name}={value!r}" for name, value in options.items() if value is not None)
    return f"{', '.join((call, *given))})"


def _index(
    audit: Audit | UnconditionalAudit, index: Index | str | os.PathLike[str] | None
) -> Index | None:
    if audit.findings is None or not (audit.findings.extractions or audit.findings.flagged):
        return None
    where = audit.findings.index if index is None else index
    return where if isinstance(where, Index) else open_index(where)


def _pairs(
    folder: RunFolder, extractions: Sequence[Extraction], index: Index | None
) -> list[dict[str, Any]]:
    """Each extracted image with its training image."""
    if index is None:
        return []
    originals = find_pictures(index, {each.match.uri for each in extractions})
    return [
        {
            "extraction": each,
            "generated": picture_uri(folder.image(each.file)),
            "original": originals.get(each.match.uri),
        }
        for each in extractions
    ]


def _cliques(folder: RunFolder, audit: Audit | UnconditionalAudit) -> list[dict[str, Any]]:
    """The first images of each clique that counts."""
    found: list[tuple[str | None, str, list[str], float]]
    if isinstance(audit, UnconditionalAudit):
        found = [
            (None, group.medoid, list(group.files), group.mean_distance) for group in audit.groups
        ]
    else:
        found = [
            (each.prompt, str(each.medoid), _files(folder, each), each.clique.mean_distance)
            for each in audit.prompts
            if each.marked
        ]
    return [
        {
            "prompt": prompt,
            "size": len(files),
            "mean_distance": mean_distance,
            "uris": [picture_uri(folder.image(file)) for file in _first(medoid, files)],
        }
        for prompt, medoid, files, mean_distance in found[:MOST_CLIQUES]
    ]


def _files(folder: RunFolder, result: PromptResult) -> list[str]:
    samples = folder.samples(result.number)
    return [str(samples[i].file) for i in result.clique.members]


def _first(medoid: str, files: Sequence[str]) -> list[str]:
    return [medoid, *(file for file in files if file != medoid)][:SHOWN]
