"""Metrics, as OpenTelemetry's own reader sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fixtures.guarded_images import two
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from memguard import Metrics, Outcome, guard


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def metrics(reader: InMemoryMetricReader) -> Metrics:
    return Metrics(MeterProvider([reader]))


def points(reader: InMemoryMetricReader, name: str) -> list[Any]:
    """The data points of a metric, each with its attributes."""
    data = reader.get_metrics_data()
    (scope,) = data.resource_metrics[0].scope_metrics
    assert scope.scope.name == "memguard"
    (found,) = [one for one in scope.metrics if one.name == name]
    return list(found.data.data_points)


def test_images_are_counted(index: Path, metrics: Metrics, reader: Any) -> None:
    seen: list[Outcome] = []
    guarded = guard(two, index, on_verdict=[metrics, seen.append])
    guarded()
    guarded()
    guard(two, index, policy="shadow", on_verdict=metrics)()
    counted = {
        tuple(one.attributes.values()): one.value for one in points(reader, "memguard.images")
    }
    assert counted == {
        ("clear", "shown", "none", "none"): 3,
        ("memorized", "blocked", "none", "none"): 2,
        ("memorized", "shown", "blocked", "none"): 1,
    }
    assert len(seen) == 4
    scores = {one.attributes["label"]: one for one in points(reader, "memguard.score")}
    assert scores["clear"].count == scores["memorized"].count == 3
    assert scores["memorized"].min >= 1


def test_each_call_s_times_are_counted_once(index: Path, metrics: Metrics, reader: Any) -> None:
    seen: list[Outcome] = []
    guard(two, index, on_verdict=[metrics, seen.append])()
    times = {one.attributes["stage"]: one for one in points(reader, "memguard.duration")}
    assert {"generate", "check", "describe", "search", "compare", "decide"} <= set(times)
    assert {one.count for one in times.values()} == {1}
    assert times["check"].sum == pytest.approx(seen[0].milliseconds / 1000)


def test_nothing_names_a_match_or_a_request(index: Path, metrics: Metrics, reader: Any) -> None:
    seen: list[Outcome] = []
    guard(two, index, on_verdict=[metrics, seen.append])()
    sent = reader.get_metrics_data().to_json()
    match = seen[1].verdict.matches[0]
    assert not [secret for secret in (match.id, match.uri, seen[0].request) if secret in sent]


def test_what_could_not_be_checked_has_no_score(metrics: Metrics, index: Path, reader: Any) -> None:
    guard(lambda: None, index, on_error="pass", on_verdict=metrics)()
    (one,) = points(reader, "memguard.images")
    assert one.attributes["label"] == "unchecked"
    names = reader.get_metrics_data()
    assert names is None or "memguard.score" not in names.to_json()
