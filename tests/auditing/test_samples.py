"""Images counted by status."""

from __future__ import annotations

from memguard.auditing.samples import Counts, Sample, Status


def test_images_are_counted_by_status() -> None:
    statuses: list[Status] = ["made", "blank", "made", "unreadable", "withheld", "made"]
    counts = Counts.of(Sample(None, status, None, i) for i, status in enumerate(statuses))
    assert counts == Counts(made=3, withheld=1, blank=1, unreadable=1)
    assert counts.total == 6
    assert Counts.of([]).total == 0
