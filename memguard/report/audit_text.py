"""The first sentences of an audit's page: what was found, and how certain it is."""

from __future__ import annotations

from collections.abc import Iterator

from memguard.auditing.findings import Findings
from memguard.auditing.result import Audit
from memguard.auditing.samples import Counts
from memguard.auditing.unconditional_result import UnconditionalAudit
from memguard.calibration.rates import CONFIDENCE, Rate
from memguard.report.formatting import percent


def headline(audit: Audit | UnconditionalAudit) -> list[str]:
    """What was found, how certain it is, and what it does not show."""
    counts, findings = audit.counts, audit.findings
    sentences = list(_withheld(counts))
    if findings is None:
        sentences += _black_box(audit)
    else:
        sentences += _with_index(audit, findings)
    return sentences


def between(rate: Rate) -> str:
    """The confidence interval of the true share, in words."""
    confidence = percent(CONFIDENCE)
    if rate.count == 0:
        return f"with {confidence} confidence the true share is below {percent(rate.upper)}"
    if rate.count == rate.total:
        return f"with {confidence} confidence the true share is above {percent(rate.lower)}"
    both = percent(2 * CONFIDENCE - 1)
    return (
        f"with {both} confidence the true share is between {percent(rate.lower)} and "
        f"{percent(rate.upper)}"
    )


def _withheld(counts: Counts) -> Iterator[str]:
    if counts.withheld:
        yield (
            f"The pipeline's guard withheld {counts.withheld:,} of {counts.total:,} images; what "
            f"follows is about the {counts.made:,} that it showed."
        )
    if counts.blank or counts.unreadable:
        yield (
            f"{counts.blank + counts.unreadable:,} of {counts.total:,} images are blank or "
            "hold no finite numbers, and were not compared."
        )


def _black_box(audit: Audit | UnconditionalAudit) -> Iterator[str]:
    if isinstance(audit, Audit):
        marked = audit.marked
        if marked.count:
            yield (
                f"{marked.count:,} of {marked.total:,} prompts ({percent(marked.share)}) are "
                f"predicted to be memorized: at least {audit.needed} of their images are alike."
            )
        else:
            yield (
                f"No prompt of {marked.total:,} is predicted to be memorized: none produced "
                f"{audit.needed} images that are alike."
            )
        yield f"For prompts chosen like these, {between(marked)} (Clopper-Pearson)."
    elif audit.groups:
        alike = sum(len(group.files) for group in audit.groups)
        yield (
            f"{len(audit.groups):,} images are predicted to be memorized: {alike:,} of "
            f"{audit.counts.made:,} samples belong to groups of {audit.needed} or more that are "
            "alike."
        )
    else:
        yield (
            f"No image is predicted to be memorized: no {audit.needed} of {audit.counts.made:,} "
            "samples are alike."
        )
    yield (
        "There was no index of the training set, so nothing is confirmed: a prompt may allow "
        "only one picture, and images that are memorized but rarely generated were missed."
    )


def _with_index(audit: Audit | UnconditionalAudit, findings: Findings) -> Iterator[str]:
    copies = findings.memorized
    if not copies.total:
        yield "No image was left to compare with the training set."
        return
    if copies.count:
        prompts = audit.copied_prompts if isinstance(audit, Audit) else None
        origin = f", from {prompts.count:,} of {prompts.total:,} prompts" if prompts else ""
        yield (
            f"The model copied {len(findings.extractions):,} of {findings.references:,} training "
            f"images: {copies.count:,} of {copies.total:,} images ({percent(copies.share)}) are "
            f"memorized{origin}."
        )
    else:
        yield f"No copy was found: none of {copies.total:,} images copies a training image."
    yield f"For images made like these, {between(copies)} (Clopper-Pearson)."
    if copies.count:
        yield _how_many_false(findings)
    else:
        yield _how_many_missed(findings)
    if findings.flagged:
        yield (
            f"{findings.similar:,} {_images(findings.similar)} came close enough to be flagged as "
            "similar; judge them by the report's pairs."
        )
    confirmed = audit.confirmed
    if confirmed is not None and confirmed.total:
        what = "marked prompts" if isinstance(audit, Audit) else "groups of samples that are alike"
        yield (
            f"{confirmed.count:,} of {confirmed.total:,} {what} are confirmed by the index: "
            f"{between(confirmed)}."
        )
    if findings.extractions:
        yield (
            f"{findings.noticed.count:,} of the copied training images "
            f"({percent(findings.noticed.share)}) came with a rights notice."
        )


def _how_many_false(findings: Findings) -> str:
    if findings.false_rate is None:
        return (
            "How many novel images the index calls memorized was not proven: judge by the report's "
            f"pairs, or calibrate it (`memguard calibrate {findings.index} --negatives FOLDER`)."
        )
    expected = findings.false_rate * findings.memorized.total
    return (
        f"The index was calibrated so that at most {percent(findings.false_rate)} of novel images "
        f"are called memorized: about {expected:.2g} of these {findings.memorized.total:,}."
    )


def _how_many_missed(findings: Findings) -> str:
    if findings.recall is None:
        return (
            "How many copies the index recognises was not measured: `memguard calibrate "
            f"{findings.index}`."
        )
    return (
        f"The index recognises {percent(findings.recall)} of simulated copies as memorized "
        "(mean of its calibration's kinds); copies of other kinds may be missed."
    )


def _images(count: int) -> str:
    return "image" if count == 1 else "images"
