"""What a page says about its origin."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
from fixtures.tiny_models import TinySscd
from PIL import Image

from memguard import __version__, build_index
from memguard.index.base import BuildSummary
from memguard.index.open import open_index
from memguard.report.provenance import provenance


def test_the_fingerprint_is_the_one_in_the_manifest(built: tuple[Path, BuildSummary]) -> None:
    rows = dict(provenance(open_index(built[0]), "memguard check x.png"))
    recorded = json.loads((built[0] / "manifest.json").read_text())["sha256"]
    assert rows["index's fingerprint (SHA-256)"] == recorded
    assert rows["index"] == str(built[0])
    assert rows["training images"] == "60"
    assert rows["index's revision"] == "1"
    assert rows["descriptors"] == "phash64, phash256, pixels, vlad"
    assert rows["thresholds"] == "default thresholds, never calibrated"
    assert (rows["memguard"], rows["command"]) == (__version__, "memguard check x.png")
    assert rows["made"].endswith(" UTC")
    assert rows["run in"] == os.getcwd()


def test_the_calibration_is_the_one_in_the_index(photograph_index: Path) -> None:
    rows = dict(provenance(open_index(photograph_index), "x"))
    stored = (photograph_index / "calibration.json").read_bytes()
    assert rows["calibration's fingerprint (SHA-256)"] == hashlib.sha256(stored).hexdigest()
    assert rows["thresholds"].startswith("leave-one-out, ")


def test_weights_are_named_by_their_hash(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    photographs["coffee.png"].save(tmp_path / "coffee.png")
    weights = tmp_path / "tiny.pt"
    torch.jit.script(TinySscd()).save(str(weights))
    index = tmp_path / "x.memguard"
    build_index(tmp_path, index, weights={"sscd": str(weights)}, calibrate=False, workers=0)
    rows = dict(provenance(open_index(index), "x"))
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert rows["weights of sscd (SHA-256)"] == digest


def test_the_operator(built: tuple[Path, BuildSummary], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMGUARD_OPERATOR", raising=False)
    index = open_index(built[0])
    assert dict(provenance(index, "x"))["operator"] == "not named ($MEMGUARD_OPERATOR)"
    monkeypatch.setenv("MEMGUARD_OPERATOR", "Trust and safety")
    assert dict(provenance(index, "x"))["operator"] == "Trust and safety"
