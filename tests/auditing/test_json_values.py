"""Results as plain JSON values."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from fixtures.audit_findings import verdict

from memguard.auditing.json_values import json_values


@dataclass(frozen=True)
class Result:
    value: Any


def test_dataclasses_are_dicts_and_tuples_lists() -> None:
    assert json_values(Result((Result(1), [Result("a")]))) == {
        "value": [{"value": 1}, [{"value": "a"}]]
    }


def test_keys_are_text_and_what_is_not_finite_is_none() -> None:
    plain = json_values({1: math.nan, 2: math.inf, 3: 0.5, 4: True})
    assert plain == {"1": None, "2": None, "3": 0.5, "4": True}
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_matches_keep_their_stored_keys() -> None:
    said = verdict("memorized")
    assert json_values(Result(said))["value"]["matches"][0]["copies"] == 7
    assert json_values(Result(said.matches))["value"][0]["copies"] == 7
