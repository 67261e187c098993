"""The documented schema is that of ``Verdict.to_json``: nothing more, nothing less."""

from __future__ import annotations

import dataclasses
import json

import pytest
from pydantic import ValidationError

from memguard import Match, Signal, Verdict
from memguard.service.schema import CheckRequest, VerdictModel
from memguard.verdict import Region

CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
VERDICT = Verdict(
    "memorized",
    1.5,
    (Signal("copy_evidence", -40.0, -16.0, -24.0), Signal("clip", 0.1, 0.2, None)),
    (
        Match("a", "a.png", "mirrored", {"l2": 0.1}, region=Region(CORNERS, CORNERS, 1.0, 0.5)),
        Match("b", "b.png", "as is", {}, exempt="allowed", caption="a cat", rights="CC0", url="x"),
    ),
    "why",
)


def test_a_verdict_passes_unchanged() -> None:
    as_json = json.loads(json.dumps(VERDICT.to_json()))
    model = VerdictModel.model_validate(as_json)
    assert json.loads(model.model_dump_json()) == as_json


def test_the_schema_has_the_fields_of_a_verdict() -> None:
    properties = VerdictModel.model_json_schema()["properties"]
    assert properties.keys() == VERDICT.to_json().keys()
    assert {field.name for field in dataclasses.fields(Verdict)} - properties.keys() == {
        "thumbnail",
        "frames",
        "text_guidance",
    }


@pytest.mark.parametrize("images", [[], [{}], [{"base64": "x", "url": "y"}], [{"base64": 1}]])
def test_requests_of_another_shape(images: object) -> None:
    with pytest.raises(ValidationError):
        CheckRequest.model_validate({"images": images})
