"""What an audit is evidence of, in words: the model, the index, the time."""

from __future__ import annotations

from memguard.auditing.generation import PipelineCaller
from memguard.auditing.lookup import IndexLookup
from memguard.calibration.provenance import index_facts, made_now, threshold_facts


def describe_audit(caller: PipelineCaller, lookup: IndexLookup | None) -> dict[str, str]:
    """Heading to value, for the result."""
    place = {} if caller.place is None else {"model": caller.place}
    index = {"index": "none: a black-box audit"}
    if lookup is not None:
        index = index_facts(lookup.index) | threshold_facts(lookup.index)
    return {
        "pipeline": caller.name,
        **place,
        "model's weights (SHA-256)": caller.weights_sha256
        or "not known: the pipeline shows no weights",
        **index,
        **made_now(),
    }
