"""Documents keep their names: indexes that were written before have them."""

from __future__ import annotations

from memguard.index.store import documents


def test_names_on_disk_and_in_milvus() -> None:
    assert documents.PUSHED == ("calibration.json", "measurements.json")
    assert documents.CALIBRATION_PAGE == "calibration.html"
    assert documents.EXEMPTIONS == "exemptions.json"
    assert documents.BLOCKED == "refused.json"
    assert documents.background("vlad") == "background/vlad"
