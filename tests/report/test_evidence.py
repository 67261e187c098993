"""Explanations: the verdict of the guard, the right reference, and a picture that shows it."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from typer.testing import CliRunner

from memguard import Guard, build_index, calibrate_index
from memguard.calibration import measurements
from memguard.calibration.calibrate import calibrated_detector
from memguard.cli import app
from memguard.detection.detector import Detector
from memguard.index.open import open_index
from memguard.report import explain
from memguard.report.evidence_image import HEAD, MARGIN, PANEL
from memguard.report.formatting import threshold_text


@pytest.fixture(scope="module")
def index(photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photographs but ``rocket.jpg``, and parts of them, in an index of their own."""
    root = tmp_path_factory.mktemp("explain")
    (root / "images").mkdir()
    for name, image in photographs.items():
        if name != "rocket.jpg":
            image.save((root / "images" / name).with_suffix(".png"))
    (root / "images" / "chelsea.txt").write_text("a cat [indoors]", encoding="utf-8")
    build_index(root / "images", root / "small.memguard", weights={}, calibrate=False, workers=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurements, "COPIED", 2)
        calibrate_index(root / "small.memguard")
    return root / "small.memguard"


@pytest.fixture(scope="module")
def detector(index: Path) -> Detector:
    return calibrated_detector(open_index(index))


def panel(picture: Image.Image, column: int, size: tuple[int, int]) -> Image.Image:
    """The middle of a panel, where an image of this size is shown."""
    left = MARGIN + column * (PANEL + MARGIN)
    scale = PANEL / max(size)
    width, height = round(size[0] * scale), round(size[1] * scale)
    left, top = left + (PANEL - width) // 2, HEAD + (PANEL - height) // 2
    return picture.crop((left, top, left + width, top + height))


def alike(left: Image.Image, right: Image.Image) -> float:
    """Correlation of the grey levels of two images, both squeezed to 64 x 64."""
    a, b = (
        np.asarray(image.convert("L").resize((64, 64), Image.Resampling.BOX), dtype=float).ravel()
        for image in (left, right)
    )
    return float(np.corrcoef(a, b)[0, 1])


def test_a_mirrored_jpeg_copy(index: Path, detector: Detector, cat: Image.Image) -> None:
    stream = io.BytesIO()
    ImageOps.mirror(cat).save(stream, "JPEG", quality=30)
    query = Image.open(stream)
    explanation = explain(query, detector)
    assert explanation.verdict == Guard(index).check(query)[0]
    assert explanation.verdict.label == "memorized"
    comparison = explanation.comparison
    assert comparison is not None
    assert comparison.mirrored
    assert Path(comparison.match.uri).name == "chelsea.png"
    assert comparison.rms < 0.05
    assert comparison.mask.sum() == 12
    kept = comparison.tiles[comparison.mask].max()
    assert kept == pytest.approx(comparison.match.distances["masked_tiled_l2"], rel=1e-4)
    assert kept <= comparison.tiles[~comparison.mask].min()

    picture = explanation.draw()
    mirrored = ImageOps.mirror(cat)
    assert alike(panel(picture, 0, query.size), mirrored) > 0.98
    assert alike(panel(picture, 1, cat.size), mirrored) > 0.98  # shown as the query lies
    assert np.asarray(panel(picture, 2, cat.size)).mean() < 40  # next to no difference


def test_a_crop_is_laid_where_it_belongs(detector: Detector, cat: Image.Image) -> None:
    box = (100, 50, 350, 250)
    explanation = explain(cat.crop(box), detector)
    comparison = explanation.comparison
    assert explanation.verdict.label == "memorized"
    assert comparison is not None
    assert comparison.alignment is not None
    rows, columns = np.nonzero(comparison.covered)
    scale = max(cat.size) / max(comparison.reference.pixels.shape)
    seen = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) * scale
    assert np.abs(seen - box).max() < 8
    share = (box[2] - box[0]) * (box[3] - box[1]) / (cat.width * cat.height)
    assert comparison.covered.mean() == pytest.approx(share, abs=0.03)
    assert comparison.rms < 0.06
    picture = explanation.draw()
    difference = np.asarray(panel(picture, 2, cat.size))
    assert (difference[4, 4] == 200).all()  # grey: the crop does not show this corner


def test_a_mirrored_crop_is_laid_where_it_belongs(detector: Detector, cat: Image.Image) -> None:
    """The picture is drawn as the query lies: the crop of the left is on the right."""
    explanation = explain(ImageOps.mirror(cat.crop((20, 50, 250, 250))), detector)
    assert explanation.comparison is not None
    assert explanation.comparison.mirrored
    difference = np.asarray(panel(explanation.draw(), 2, cat.size))
    middle = difference[difference.shape[0] // 2]
    grey = (middle == 200).all(axis=1)
    assert grey[:100].all()
    assert not grey[-150:-30].any()


def test_a_changed_region_is_masked_out(detector: Detector, cat: Image.Image) -> None:
    query = cat.copy()
    width, height = cat.size
    ImageDraw.Draw(query).rectangle((0, 0, width // 4 - 1, height // 4 - 1), fill="red")
    comparison = explain(query, detector).comparison
    assert comparison is not None
    assert not comparison.mask[0, 0]
    assert comparison.tiles[0, 0] == comparison.tiles.max()
    assert comparison.difference[4, 4] > 0.2
    assert comparison.difference[-8, -8] < 0.05


def test_a_novel_photograph(detector: Detector, photographs: dict[str, Image.Image]) -> None:
    explanation = explain(photographs["rocket.jpg"], detector)
    assert explanation.verdict.label in ("clear", "similar")
    assert explanation.comparison is not None
    assert explanation.comparison.match.uri in explanation.verdict.why
    assert explanation.comparison.rms > 0.1
    assert explanation.draw().width == 4 * PANEL + 5 * MARGIN


def test_a_blank_image(detector: Detector, tmp_path: Path) -> None:
    explanation = explain(Image.new("LA", (300, 200), (255, 255)), detector)
    assert explanation.verdict.label == "uninformative"
    assert explanation.comparison is None
    assert explanation.to_json()["comparison"] is None
    explanation.draw().save(tmp_path / "blank.png")


def test_odd_shapes(detector: Detector, cat: Image.Image) -> None:
    for size in ((600, 3), (5, 400), (1, 1), (17, 16)):
        explanation = explain(cat.resize(size), detector)
        assert explanation.draw().width == 4 * PANEL + 5 * MARGIN


def test_long_names_stay_inside_the_picture(detector: Detector, cat: Image.Image) -> None:
    """A path of 400 letters makes more lines, not a wider picture."""
    explanation = explain(cat, detector)
    comparison = explanation.comparison
    assert comparison is not None
    usual = explanation.draw()
    long = dataclasses.replace(comparison.match, uri="/x" * 200, caption="words " * 60)
    longer = dataclasses.replace(
        explanation, comparison=dataclasses.replace(comparison, match=long)
    ).draw()
    assert longer.width == usual.width
    assert longer.height > usual.height
    edge = np.asarray(longer)[HEAD + PANEL + 5 :, -MARGIN + 4 :]
    assert (edge == 255).all()


def test_the_command(index: Path, cat: Image.Image, tmp_path: Path) -> None:
    query, picture = tmp_path / "query [1].png", tmp_path / "why.png"
    ImageOps.mirror(cat).save(query)
    arguments = ["explain", str(query), str(index), "-o", str(picture)]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    (verdict,) = Guard(index).check(cat.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert f"memorized {query}: {verdict.why}" in done.output
    for signal in verdict.signals:
        assert signal.name in done.output
        assert threshold_text(signal.name, signal.similar) in done.output
    assert "[indoors]" in done.output, "brackets of a caption are no markup"
    assert "mirrored" in done.output
    assert Image.open(picture).width == 4 * PANEL + 5 * MARGIN

    done = CliRunner().invoke(app, [*arguments, "--json"])
    row = json.loads(done.stdout)
    assert row["label"] == "memorized"
    assert row["picture"] == str(picture)
    assert row["comparison"]["view"] == "mirrored"
    assert np.array(row["comparison"]["mask"]).sum() == 12
    assert row["why"] == verdict.why


def test_a_picture_that_cannot_be_written(index: Path, cat: Image.Image, tmp_path: Path) -> None:
    query = tmp_path / "query.png"
    cat.save(query)
    for name in ("none/why.png", "why.unknown"):
        done = CliRunner().invoke(app, ["explain", str(query), str(index), "-o", name])
        assert done.exit_code == 1
        assert "cannot be written" in str(done.exception)


def test_hash_thresholds_are_the_bits_that_count() -> None:
    assert threshold_text("phash256", np.nextafter(48, 0)) == "47"
    assert threshold_text("phash256", 48.0) == "48"
    assert threshold_text("structure", None) == "never"
