"""The results of an audit as plain JSON values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from memguard.verdict import Match, Verdict


def json_values(value: Any) -> Any:
    """Dataclasses as dicts by their stored keys; None for a float that is not finite."""
    if isinstance(value, (Match, Verdict)):
        return json_values(value.to_json())
    if dataclasses.is_dataclass(value):
        return {
            each.name: json_values(getattr(value, each.name)) for each in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): json_values(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_values(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
