"""Prometheus's text: the live shares beside the calibrated ones."""

from __future__ import annotations

from fixtures.calibrations import Calibrated
from prometheus_client.parser import text_string_to_metric_families

from memguard import Verdict
from memguard.index.open import open_index
from memguard.service.metrics import RECENT_IMAGES, ServiceMetrics


def values(metrics: ServiceMetrics) -> dict[tuple[str, str], float]:
    """Each sample with its label, if it has one."""
    return {
        (sample.name, sample.labels.get("label", "")): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_live_shares_are_of_recent_images() -> None:
    metrics = ServiceMetrics(lambda: 3)
    assert values(metrics)["memguard_live_share", "similar"] == 0
    metrics.checked([Verdict("similar", 0.6)] * 10)
    assert values(metrics)["memguard_live_share", "similar"] == 1
    metrics.checked([Verdict("clear", 0.0)] * (RECENT_IMAGES - 5))
    found = values(metrics)
    assert found["memguard_live_share", "similar"] == 5 / RECENT_IMAGES
    assert found["memguard_images_total", "similar"] == 10
    assert found["memguard_waiting_images", ""] == 3


def test_the_calibrated_shares_are_those_of_the_index(calibrated: Calibrated) -> None:
    metrics, index = ServiceMetrics(lambda: 0), open_index(calibrated.path)
    metrics.opened(index)
    found = values(metrics)
    for label, point in calibrated.calibration.operating_points().items():
        assert found["memguard_calibrated_share", label] == point.target
    assert found["memguard_index_references", ""] == len(index)
    assert found["memguard_index_revision", ""] == index.revision
