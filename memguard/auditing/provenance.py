"""What an audit is evidence of, in words: the model, the index, the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memguard.auditing.generation import PipelineCaller
from memguard.auditing.lookup import IndexLookup
from memguard.calibration.provenance import index_facts, made_now, threshold_facts

WEIGHTS = "model's weights (SHA-256)"
UNKNOWN = "not known: the pipeline shows no weights"


def describe_model(request: Mapping[str, Any]) -> dict[str, str]:
    """Heading to value, for images that were made on this request (``RunFolder.request``)."""
    return {
        "pipeline": str(request.get("pipeline")),
        WEIGHTS: request.get("weights_sha256") or UNKNOWN,
    }


def describe_audit(caller: PipelineCaller, lookup: IndexLookup | None) -> dict[str, str]:
    """Heading to value, for the result."""
    place = {} if caller.place is None else {"model": caller.place}
    index = {"index": "none: a black-box audit"}
    if lookup is not None:
        index = index_facts(lookup.index) | threshold_facts(lookup.index)
    return {
        "pipeline": caller.name,
        **place,
        WEIGHTS: caller.weights_sha256 or UNKNOWN,
        **index,
        **made_now(),
    }
