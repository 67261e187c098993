"""Thresholds for an index, what they are worth, and how they are kept with it."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures import tiny_models
from fixtures.calibrations import MEMORIZED, NOVEL, SIMILAR, Calibrated
from fixtures.picture_files import write_cuts
from PIL import Image
from scipy.stats import beta, binomtest

from memguard import CalibrationError
from memguard.calibration import measurements
from memguard.calibration.calibrate import Calibration, Operating, Rate, calibrated_detector
from memguard.calibration.measurements import Measurements, SetAside
from memguard.calibration.quantiles import flagged
from memguard.detection.signals import DEFAULTS, Threshold
from memguard.index.open import open_index
from memguard.lifecycle import build_index, calibrate_index
from memguard.pipelines.guard import Guard

CALIBRATION = Calibration(
    thresholds={"structure": Threshold(0.3, 0.2), "clip": Threshold(0.05, None)},
    similar=Operating(0.01, True, Rate.of(3, 400), Rate.of(4, 401), {"jpeg 30": 1.0}),
    memorized=Operating(0.001, False, Rate.of(0, 400), Rate.of(1, 401), {"jpeg 30": 0.5}),
    method="held-out",
    negatives=400,
    blank=1,
    set_aside=(SetAside("/a.png", "/b.png", {"structure": 0.01}),),
    records=100,
    thorough=False,
)


@pytest.mark.parametrize(("count", "total"), [(0, 60), (1, 60), (7, 300), (59, 60), (60, 60)])
def test_the_bounds_are_clopper_and_pearson_s(count: int, total: int) -> None:
    rate = Rate.of(count, total)
    exact = binomtest(count, total).proportion_ci(confidence_level=0.9, method="exact")
    assert (rate.lower, rate.upper) == pytest.approx((exact.low, exact.high))
    if count < total:
        assert rate.upper == pytest.approx(beta.ppf(0.95, count + 1, total - count))
    assert rate.share == count / total


def test_none_among_n_proves_three_in_n() -> None:
    """By hand: (1 - p)^n = 0.05."""
    rate = Rate.of(0, 3000)
    assert rate.lower == 0
    assert rate.upper == pytest.approx(1 - 0.05 ** (1 / 3000))
    assert rate.upper == pytest.approx(3 / 3000, rel=0.01)


def test_nothing_observed_proves_nothing() -> None:
    rate = Rate.of(0, 0)
    assert (rate.lower, rate.upper) == (0, 1)
    assert math.isnan(rate.share)


def test_held_out_thresholds_keep_their_rates(calibrated: Calibrated) -> None:
    calibration, measured = calibrated.calibration, Measurements.read(calibrated.path)
    assert (calibration.method, calibration.negatives, calibration.blank) == ("held-out", NOVEL, 2)
    assert calibration.records == 4
    assert not calibration.thorough
    assert [Path(pair.image).name for pair in calibration.set_aside] == ["copy.jpg"]
    blocks = {name: limit.memorized for name, limit in calibration.thresholds.items()}
    flags = {name: limit.similar for name, limit in calibration.thresholds.items()}
    assert all(block is None or block <= flags[name] for name, block in blocks.items())
    blocking = {name: block for name, block in blocks.items() if block is not None}
    for thresholds, target in ((flags, SIMILAR), (blocking, MEMORIZED)):
        in_sample = flagged(measured.negatives, thresholds).mean()
        assert in_sample <= target + 2 * math.sqrt(target / NOVEL)
    for label, target in (("similar", SIMILAR), ("memorized", MEMORIZED)):
        point = calibration.points()[label]
        assert point.target == target
        assert point.calibrated
        assert point.observed.total == NOVEL
        assert point.observed.lower <= target
        assert point.at_worst == Rate.of(point.observed.count + 1, NOVEL + 1), "one was set aside"
        assert set(point.recall) == set(measured.transforms)
        assert np.mean(list(point.recall.values())) > 0.9
    kinds = np.array(measured.transforms)
    found = flagged(measured.copies, blocking)
    assert calibration.memorized.recall == {
        kind: found[kinds == kind].mean() for kind in measured.transforms
    }


def test_it_is_saved_in_the_index_and_read_back(calibrated: Calibrated) -> None:
    assert Calibration.read(calibrated.path) == calibrated.calibration


def test_write_and_read(tmp_path: Path) -> None:
    assert Calibration.read(tmp_path) is None
    CALIBRATION.write(tmp_path)
    assert Calibration.read(tmp_path) == CALIBRATION
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.json"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:50],
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"thresholds": {', '"thresholds": [], "x": {'),
        lambda text: text.replace('"observed"', '"seen"'),
        lambda text: text.replace('"memorized": 0.2', '"block": 0.2'),
    ],
)
def test_a_damaged_file(gallery: Path, tmp_path: Path, damage: object) -> None:
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    CALIBRATION.write(index)
    file = index / "calibration.json"
    file.write_text(damage(file.read_text()))  # type: ignore[operator]
    with pytest.raises(CalibrationError, match=r"damaged .*run `memguard calibrate .*index`"):
        Calibration.read(index)
    with pytest.raises(CalibrationError, match="damaged"):
        Guard(index)


def test_too_few_negatives_name_how_many_are_needed(gallery: Path, tmp_path: Path) -> None:
    for number in range(40):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
    with pytest.raises(
        CalibrationError, match=r"0\.001 needs at least 3000 negatives, and there are 40: .*0\.075"
    ):
        calibrate_index(gallery, tmp_path)
    with pytest.raises(CalibrationError, match=r"0\.05 needs at least 60 negatives"):
        calibrate_index(gallery, tmp_path, similar_rate=0.1, memorized_rate=0.05)
    assert Calibration.read(gallery) is None


def test_hardly_any_negatives_are_not_offered_a_rate_of_one_or_more(
    gallery: Path, tmp_path: Path
) -> None:
    for number in range(3):
        with pytest.raises(CalibrationError, match="needs at least 3000 negatives") as caught:
            calibrate_index(gallery, tmp_path)
        assert "allow a rate" not in str(caught.value)
        Image.new("RGB", (4, 4)).save(tmp_path / f"{number}.png")


@pytest.mark.parametrize("rate", [0, -0.1, 1, 1.5, math.nan])
@pytest.mark.parametrize("name", ["similar_rate", "memorized_rate"])
def test_rates_lie_between_0_and_1(gallery: Path, name: str, rate: float) -> None:
    with pytest.raises(CalibrationError, match=f"{name} .*between 0 and 1"):
        calibrate_index(gallery, **{name: rate})


def in_memory(
    monkeypatch: pytest.MonkeyPatch,
    gallery: Path,
    negatives: Mapping[str, np.ndarray],
    **options: object,
) -> Calibration:
    """Calibrate the gallery as if these distances had been measured (the measuring has tests of
    its own; here it would take thousands of images)."""
    from memguard.calibration import calibrate as calibration
    from memguard.descriptors import load_descriptors
    from memguard.detection.detector import Detector

    copies = {name: np.linspace(0, 0.02, 30) for name in negatives}
    measured = Measurements(negatives, copies, ("jpeg 30",) * 30, "leave-one-out", 0, ())
    monkeypatch.setattr(calibration, "measure", lambda *_: measured)
    index = open_index(gallery)
    found, _ = calibration.calibrate(Detector(index, load_descriptors(index.specs)), **options)
    return found


def spread(count: int, seed: int) -> np.ndarray:
    return 0.5 + np.random.default_rng(seed).exponential(size=count) * 0.1


def test_too_few_references_draw_the_defaults_in(
    monkeypatch: pytest.MonkeyPatch, gallery: Path
) -> None:
    """Each signal's default, but for what contradicts the rate: of 200 references two that are
    near each other may be nearer than what blocks; two such pairs show that it is too loose."""
    negatives = {"structure": spread(200, 0), "aligned_structure": 0.2 + spread(200, 1)}
    negatives["structure"][7:11] = 0.05, 0.05, 0.06, 0.06
    negatives["aligned_structure"][3:5] = 0.05
    found = in_memory(monkeypatch, gallery, negatives)
    assert not found.similar.calibrated
    assert not found.memorized.calibrated
    assert found.thresholds["aligned_structure"] == DEFAULTS["aligned_structure"]
    drawn = found.thresholds["structure"]
    assert 0.05 <= drawn.memorized < 0.06
    assert drawn.similar == DEFAULTS["structure"].similar
    assert found.memorized.observed.total == 200
    assert found.memorized.observed.count <= 6
    assert found.memorized.at_worst == found.memorized.observed, "of its own references none counts"


def test_enough_references_choose_thresholds_of_their_own(
    monkeypatch: pytest.MonkeyPatch, gallery: Path
) -> None:
    negatives = {"structure": spread(3000, 0), "aligned_structure": spread(3000, 1)}
    found = in_memory(monkeypatch, gallery, negatives)
    assert found.similar.calibrated
    assert found.memorized.calibrated
    fresh = {"structure": spread(10**6, 2), "aligned_structure": spread(10**6, 3)}
    for label, target in (("similar", 0.01), ("memorized", 0.001)):
        limits = {name: getattr(limit, label) for name, limit in found.thresholds.items()}
        assert flagged(fresh, limits).mean() <= target * 1.1
        assert found.points()[label].observed.upper < target * 2.5


def test_clip_only_flags_unless_asked_to_block(
    monkeypatch: pytest.MonkeyPatch, gallery: Path
) -> None:
    negatives = {"structure": spread(3000, 0), "clip": spread(3000, 1)}
    found = in_memory(monkeypatch, gallery, negatives)
    assert found.thresholds["clip"].memorized is None
    assert found.thresholds["structure"].memorized is not None
    blocking = in_memory(monkeypatch, gallery, negatives, clip_blocks=True)
    assert blocking.thresholds["clip"].memorized is not None
    assert blocking.thresholds["clip"].memorized <= blocking.thresholds["clip"].similar


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
    found = Calibration.read(tmp_path / "index")
    assert found.thresholds["clip"].memorized is None
    assert found.thresholds["clip"].similar <= DEFAULTS["clip"].similar
    (verdict,) = Guard(tmp_path / "index").check(Image.open(tmp_path / "images" / "0000.jpg"))
    assert {"clip", "clip_normalised"} <= set(verdict.matches[0].distances)
    assert "clip" in {signal.name for signal in verdict.signals}


def test_a_signal_that_only_blocks_flags_there_too(
    monkeypatch: pytest.MonkeyPatch, gallery: Path
) -> None:
    for seed in range(3):
        negatives = {name: spread(3000, seed + i) for i, name in enumerate(DEFAULTS)}
        for limit in in_memory(monkeypatch, gallery, negatives).thresholds.values():
            assert limit.memorized is None or limit.memorized <= limit.similar


def test_an_index_that_is_not_calibrated_says_so(
    gallery: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checker = calibrated_detector(open_index(gallery))
    assert checker.thresholds == DEFAULTS
    assert checker.rates == {}
    assert "has not been calibrated; default thresholds apply: run `memguard calib" in caplog.text


@pytest.mark.parametrize(("records", "warns"), [(4, False), (3, True)])
def test_an_index_that_has_outgrown_its_calibration_says_so(
    gallery: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, records: int, warns: bool
) -> None:
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    dataclasses.replace(CALIBRATION, records=records).write(index)
    checker = calibrated_detector(open_index(index))
    assert checker.thresholds == CALIBRATION.thresholds
    assert checker.rates == {"similar": 0.01}, "the other rate was not proven"
    said = f"has grown from {records} records since its calibration" in caplog.text
    assert said == warns
    assert bool(caplog.records) == warns


def test_outgrown_is_more_than_a_tenth() -> None:
    assert not CALIBRATION.outgrown(110)
    assert CALIBRATION.outgrown(111)


def test_thorough_wants_a_thorough_calibration(
    gallery: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    dataclasses.replace(CALIBRATION, records=4).write(index)
    assert calibrated_detector(open_index(index), thorough=True).thorough
    assert "was calibrated without thorough; run `memguard calibrate" in caplog.text
    caplog.clear()
    dataclasses.replace(CALIBRATION, records=4, thorough=True).write(index)
    calibrated_detector(open_index(index), thorough=True)
    assert not caplog.records


def test_a_build_ends_calibrated_and_again_when_it_has_outgrown_that(
    photographs: dict[str, Image.Image],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(measurements, "COPIED", 1)  # references to simulate copies of: for speed
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
        return Calibration.read(output).records

    write_cuts(photographs, images, 11)
    assert build() == 11
    assert steps[-1] == (26, 26)
    assert Calibration.read(output).method == "leave-one-out"
    assert Measurements.read(output).method == "leave-one-out"
    write_cuts(photographs, images, 12)
    assert build() == 11, "12 is within a tenth of 11"
    assert not steps
    write_cuts(photographs, images, 13)
    assert build() == 13
    assert steps
    Guard(output)
    assert not caplog.records


def test_the_same_seed_gives_the_same_calibration(
    gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurements, "COPIED", 1)  # only for speed
    found = []
    for name in ("a", "b"):
        index = Path(shutil.copytree(gallery, tmp_path / name))
        found.append(calibrate_index(index))
    assert found[0] == found[1]
    texts = [(tmp_path / name / "measurements.json").read_text() for name in ("a", "b")]
    assert json.loads(texts[0]) == json.loads(texts[1])
