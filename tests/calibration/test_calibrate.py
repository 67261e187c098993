"""Calibrations of real indexes."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures import tiny_models
from fixtures.calibrations import (
    MEMORIZED,
    NOVEL,
    PICTURE_SIGNALS,
    SIMILAR,
    Calibrated,
    stored_calibration,
    stored_measurements,
    write_novel,
)
from fixtures.picture_files import write_cuts
from msgspec.structs import replace
from PIL import Image, ImageOps

from memguard import CalibrationError
from memguard.calibration import measure as calibration_measure
from memguard.calibration.quantiles import flagged
from memguard.calibration.rates import Rate
from memguard.detection.signals import default_thresholds
from memguard.lifecycle import build_index, calibrate_index
from memguard.pipelines.guard import Guard


def test_held_out_thresholds_keep_their_rates(calibrated: Calibrated) -> None:
    calibration, measured = calibrated.calibration, stored_measurements(calibrated.path)
    assert (calibration.method, calibration.negatives, calibration.blank) == ("held-out", NOVEL, 2)
    assert calibration.records == 4
    assert not calibration.thorough
    assert [Path(pair.image).name for pair in calibration.contaminated] == ["copy.jpg"]
    blocks = {name: limit.memorized for name, limit in calibration.thresholds.items()}
    flags = {name: limit.similar for name, limit in calibration.thresholds.items()}
    assert all(block is None or block <= flags[name] for name, block in blocks.items())
    blocking = {name: block for name, block in blocks.items() if block is not None}
    for thresholds, target in ((flags, SIMILAR), (blocking, MEMORIZED)):
        in_sample = flagged(measured.negatives, thresholds).mean()
        assert in_sample <= target + 2 * math.sqrt(target / NOVEL)
    for label, target in (("similar", SIMILAR), ("memorized", MEMORIZED)):
        point = calibration.operating_points()[label]
        assert point.target == target
        assert point.calibrated
        assert point.observed.total == NOVEL
        assert point.observed.lower <= target
        assert point.at_worst == Rate.of(point.observed.count + 1, NOVEL + 1), "one was set aside"
        assert set(point.recall) == set(measured.transforms)
        assert np.mean(list(point.recall.values())) > 0.9
    kinds = np.array(measured.transforms)
    found = flagged(measured.simulated_copies, blocking)
    assert calibration.memorized.recall == {
        kind: found[kinds == kind].mean() for kind in measured.transforms
    }


def test_too_few_negatives_keep_the_defaults_and_prove_what_they_can(
    gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_measure, "MOST_SIMULATED", 1)  # only for speed
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    write_novel(tmp_path / "few", 12)
    found = calibrate_index(index, tmp_path / "few", similar_rate=0.3, memorized_rate=0.01)
    assert stored_calibration(index) == found
    assert (found.method, found.negatives) == ("held-out", 12)
    assert found.source == str(tmp_path / "few")
    assert found.similar.calibrated, "12 negatives prove 25 %"
    assert not found.memorized.calibrated
    assert found.memorized.status == "not proven"
    assert found.memorized.observed == Rate.of(0, 12)
    assert found.memorized.observed.upper < 0.25, "what is proven"
    defaults = default_thresholds(PICTURE_SIGNALS)
    blocks = {name: limit.memorized for name, limit in found.thresholds.items()}
    assert blocks == {name: limit.memorized for name, limit in defaults.items() if name in blocks}


def test_negatives_that_are_no_evidence_are_refused(
    gallery: Path, cat: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_measure, "MOST_SIMULATED", 1)  # only for speed
    with pytest.raises(CalibrationError, match="there are no negatives"):
        calibrate_index(gallery, tmp_path)
    Image.new("RGB", (40, 40)).save(tmp_path / "blank.png")
    ImageOps.mirror(cat).save(tmp_path / "copy.png")
    with pytest.raises(CalibrationError, match=r"none of the 2 .* 1 are blank, and 1 were set"):
        calibrate_index(gallery, tmp_path)
    assert stored_calibration(gallery) is None


@pytest.mark.parametrize("rate", [0, -0.1, 1, 1.5, math.nan])
@pytest.mark.parametrize("name", ["similar_rate", "memorized_rate"])
def test_rates_lie_between_0_and_1(gallery: Path, name: str, rate: float) -> None:
    with pytest.raises(CalibrationError, match=f"{name} .*between 0 and 1"):
        calibrate_index(gallery, **{name: rate})


def test_clip_of_a_real_index_is_calibrated(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    """A tiny CLIP with random weights: measured, normalised, and never blocking by itself."""
    tiny_models.register_architecture(tmp_path / "architectures")
    weights = tmp_path / "tiny.pt"
    torch.save(tiny_models.new_clip().state_dict(), weights)
    write_cuts(photographs, tmp_path / "images", 2)
    build_index(
        tmp_path / "images",
        tmp_path / "index",
        weights={"clip": f"{tiny_models.ARCHITECTURE}:{weights}"},
        workers=0,
    )
    found = stored_calibration(tmp_path / "index")
    assert found.thresholds["clip"].memorized is None
    assert found.thresholds["clip"].similar <= 0.05, "the default"
    (verdict,) = Guard(tmp_path / "index").check(Image.open(tmp_path / "images" / "0000.jpg"))
    assert {"clip", "clip_normalised"} <= set(verdict.matches[0].distances)
    assert "clip" in {signal.name for signal in verdict.signals}


def test_a_build_ends_calibrated_and_again_when_it_has_outgrown_that(
    photographs: dict[str, Image.Image],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # only for speed
    monkeypatch.setattr(calibration_measure, "MOST_SIMULATED", 1)
    images, output = tmp_path / "images", tmp_path / "index"
    steps: list[tuple[int, int]] = []

    def build() -> int:
        steps.clear()
        build_index(
            images,
            output,
            weights={},
            workers=0,
            on_calibration=lambda *now: steps.append(now),
        )
        return stored_calibration(output).records

    write_cuts(photographs, images, 11)
    assert build() == 11
    assert steps[-1] == (26, 26)
    assert stored_calibration(output).method == "leave-one-out"
    assert stored_measurements(output).method == "leave-one-out"
    write_cuts(photographs, images, 12)
    assert build() == 11, "12 is within a tenth of 11"
    assert not steps
    write_cuts(photographs, images, 13)
    assert build() == 13
    assert steps
    Guard(output)
    assert not caplog.records


def test_where_nothing_can_be_measured_the_defaults_apply(tmp_path: Path) -> None:
    """Without thresholds, every image would pass."""
    for level in (0, 255):
        Image.new("RGB", (40, 40), (level,) * 3).save(tmp_path / f"{level}.png")
    build_index(tmp_path, tmp_path / "index", weights={}, workers=0)
    found = stored_calibration(tmp_path / "index")
    assert (found.negatives, found.blank) == (0, 2)
    assert found.thresholds == default_thresholds(PICTURE_SIGNALS)
    assert stored_measurements(tmp_path / "index").count == 0


def test_the_same_seed_gives_the_same_calibration(
    gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_measure, "MOST_SIMULATED", 1)  # only for speed
    found = []
    for name in ("a", "b"):
        index = Path(shutil.copytree(gallery, tmp_path / name))
        found.append(replace(calibrate_index(index), provenance={}))
    assert found[0] == found[1]
    texts = [(tmp_path / name / "measurements.json").read_text() for name in ("a", "b")]
    assert json.loads(texts[0]) == json.loads(texts[1])


def test_clip_blocks_only_by_negatives(calibrated: Calibrated) -> None:
    """Leave-one-out proves no rate, and CLIP has no default block threshold."""
    with pytest.raises(CalibrationError, match="--negatives"):
        calibrate_index(calibrated.path, clip_blocks=True)
    assert stored_calibration(calibrated.path) == calibrated.calibration
