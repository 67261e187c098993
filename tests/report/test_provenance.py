"""What a page says about its origin."""

from __future__ import annotations

import json
from pathlib import Path

from memguard import __version__
from memguard.index.base import BuildSummary
from memguard.index.open import open_index
from memguard.report.provenance import provenance


def test_the_fingerprint_is_the_one_in_the_manifest(built: tuple[Path, BuildSummary]) -> None:
    rows = dict(provenance(open_index(built[0]), "memguard check x.png"))
    recorded = json.loads((built[0] / "manifest.json").read_text())["sha256"]
    assert rows["index's fingerprint (SHA-256)"] == recorded
    assert rows["index"] == str(built[0])
    assert rows["training images"] == "60"
    assert rows["thresholds"] == "default thresholds, never calibrated"
    assert (rows["memguard"], rows["command"]) == (__version__, "memguard check x.png")
    assert rows["made"].endswith(" UTC")
