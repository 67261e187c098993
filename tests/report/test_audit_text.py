"""The sentences of an audit."""

from __future__ import annotations

import pytest

from memguard.calibration.rates import Rate
from memguard.report.audit_text import between


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "with 95 % confidence the true share is below 25.9 %"),
        (10, "with 95 % confidence the true share is above 74.1 %"),
        (5, "with 90 % confidence the true share is between 22.2 % and 77.8 %"),
    ],
)
def test_where_the_true_share_lies(count: int, said: str) -> None:
    assert between(Rate.of(count, 10)).replace("\N{NO-BREAK SPACE}", " ") == said
