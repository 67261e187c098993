"""What an audit is evidence of, in words."""

from __future__ import annotations

from pathlib import Path

from fixtures import tiny_pipelines
from fixtures.calibrations import Calibrated

from memguard.auditing.generation import PipelineCaller
from memguard.auditing.lookup import IndexLookup
from memguard.auditing.provenance import describe_audit


def test_a_black_box_audit_names_the_model_and_its_weights() -> None:
    caller = PipelineCaller(tiny_pipelines.ddpm(), {"num_inference_steps": 2})
    facts = describe_audit(caller, None)
    assert facts["pipeline"] == caller.name
    assert facts["index"] == "none: a black-box audit"
    assert facts["model's weights (SHA-256)"] == caller.weights_sha256
    assert len(facts["model's weights (SHA-256)"]) == 64


def test_an_audit_names_the_index_and_its_thresholds(calibrated: Calibrated) -> None:
    def pipeline(prompt: str) -> list[object]:
        return []

    lookup = IndexLookup.open(calibrated.path, thorough=False, weights=None)
    facts = describe_audit(PipelineCaller(pipeline, {}), lookup)
    assert facts["model's weights (SHA-256)"] == "not known: the pipeline shows no weights"
    assert Path(facts["index"]) == calibrated.path
    assert facts["thresholds"].startswith("held-out, ")
