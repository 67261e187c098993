"""The calibration page: its numbers are the calibration's, and it needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from fixtures.calibrations import (
    PICTURE_SIGNALS,
    simulated_copies_of,
    store_calibration,
    stored_calibration,
    stored_measurements,
)
from fixtures.html_page import Page, stacked_cells
from fixtures.picture_files import write_cuts
from msgspec.structs import replace
from PIL import Image

from memguard import __version__, open_index
from memguard.calibration.result import Calibration
from memguard.errors import CalibrationError
from memguard.lifecycle import build_index, calibrate_index, remove_images
from memguard.report import calibration_page, report_index
from memguard.report.plots import FEWEST, _trade


@pytest.fixture(autouse=True, scope="module")
def _few_copies() -> Iterator[None]:
    """Simulated copies of two references are enough to look at."""
    with simulated_copies_of(2):
        yield


@pytest.fixture(scope="module")
def few(photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of as many images as a ROC needs, not calibrated; only to be read."""
    root = tmp_path_factory.mktemp("few")
    write_cuts(photographs, root / "images", FEWEST)
    build_index(root / "images", root / "x.memguard", weights={}, calibrate=False, workers=0)
    return root / "x.memguard"


@pytest.fixture(scope="module")
def shown(few: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page]:
    """An index calibrated by leave-one-out as builds are, and its page."""
    index = tmp_path_factory.mktemp("page") / "a <b> & c.memguard"
    shutil.copytree(few, index)
    calibrate_index(index)
    return index, Page(calibration_page(index))


def test_the_numbers_are_those_of_calibration_json(shown: tuple[Path, Page]) -> None:
    index, page = shown
    data = json.loads((index / "calibration.json").read_text())
    for label in ("memorized", "similar"):
        observed = data[label]["observed"]
        numbers = page.numbers[label]
        assert numbers[0] == data[label]["target"]
        assert numbers[1:3] == [observed["count"], observed["total"]]
        assert observed["upper"] in numbers
    assert data["thresholds"]
    for name, threshold in data["thresholds"].items():
        limits = [threshold["memorized"], threshold["similar"]]
        assert page.numbers[f"signal-{name}"] == [limit for limit in limits if limit is not None]
    rows = page.numbers["recall"]
    expected = [
        share
        for name, blocked in data["memorized"]["recall"].items()
        for share in (blocked, data["similar"]["recall"][name])
    ]
    assert rows == expected
    assert data["negatives"] in page.numbers[""]


def test_how_many_lie_within_each_threshold(shown: tuple[Path, Page]) -> None:
    index, page = shown
    calibration = stored_calibration(index)
    measured = stored_measurements(index)
    assert calibration is not None
    for name, threshold in calibration.thresholds.items():
        if threshold.memorized is not None:
            within = int((measured.negatives[name] <= threshold.memorized).sum())
            share = (measured.simulated_copies[name] <= threshold.memorized).mean()
            assert f" {within} {100 * share:.3g} % " in page.words(f"signal-{name}")


def test_the_page_needs_nothing_else(shown: tuple[Path, Page]) -> None:
    _, page = shown
    for address in page.addresses:
        assert address.startswith(("data:image/", "#")), address[:80]
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not re.search(r"@import|url\(", page.styles)
    drawings = [address for address in page.addresses if address.startswith("data:image/svg")]
    assert len(drawings) >= 3
    for address in drawings:
        svg = ElementTree.fromstring(base64.b64decode(address.partition(",")[2]))
        for element in svg.iter():
            for key, value in element.attrib.items():
                assert not key.endswith("href") or value.startswith("#")


def test_a_phone_stacks_the_tables_and_names_each_cell(shown: tuple[Path, Page]) -> None:
    index, page = shown
    cells = stacked_cells(calibration_page(index))
    assert len(cells) >= 6
    assert all('data-label="' in cell or 'class="words"' in cell for cell in cells)
    assert any('data-label="block: at or below"' in cell for cell in cells)
    assert "max-width: 600px" in page.styles


def test_names_are_escaped(shown: tuple[Path, Page]) -> None:
    index, page = shown
    assert "b" in page.tags
    assert page.words().count("Calibration of a <b> & c.memguard") == 2  # title and heading
    assert f"{index}/calibration.json" in page.words()


def test_what_the_page_is_evidence_of(shown: tuple[Path, Page]) -> None:
    index, page = shown
    words = page.words("provenance")
    manifest = json.loads((index / "manifest.json").read_text())
    assert f"index's fingerprint (SHA-256) {manifest['sha256']}" in words
    assert f"memguard {__version__}" in words
    assert f"command memguard calibrate '{index}'" in words
    document = (index / "calibration.json").read_bytes()
    assert hashlib.sha256(document).hexdigest() in words
    recorded = json.loads(document)["provenance"]
    assert f"made {recorded['made']}" in words
    assert "now" not in words


def test_an_index_that_has_changed_since_is_named(shown: tuple[Path, Page], tmp_path: Path) -> None:
    index = Path(shutil.copytree(shown[0], tmp_path / "x.memguard"))
    opened = open_index(index)
    first = opened.take(opened.sample(1, np.random.default_rng(0)))[0]
    remove_images(index, [first.id])
    words = Page(calibration_page(index)).words("provenance")
    assert f"training images {FEWEST} index's revision 1 " in words
    assert f"training images now {FEWEST - 1} index's revision now 2 " in words


def test_negatives_that_came_nearest_are_shown(shown: tuple[Path, Page]) -> None:
    index, page = shown
    pairs = stored_measurements(index).nearest
    assert pairs
    for pair in pairs:
        assert f"negative {pair.image} reference {pair.reference}" in page.words()


def test_too_few_negatives_prove_nothing_and_the_page_says_what_would(
    shown: tuple[Path, Page],
) -> None:
    _, page = shown
    words = page.words("memorized")
    assert "PROVEN" in words or "MISSED" in words
    assert "takes at least 3,000 negatives" in words
    assert "--negatives FOLDER" in words
    assert "leave-one-out" in page.words()


def test_held_out_negatives_a_copy_among_them_and_a_reached_target(
    few: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    """One negative is a mirrored reference: it is shown beside what it copies."""
    index = Path(shutil.copytree(few, tmp_path / "x.memguard"))
    pictures = tmp_path / "negatives"
    cuts = write_cuts(dict(reversed(photographs.items())), pictures, 40)
    reference = few.parent / "images" / "0003.jpg"
    copy = pictures / "copy.png"
    Image.open(reference).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(copy)
    Image.new("RGB", (64, 64), "white").save(pictures / "white.png")
    calibration = calibrate_index(index, pictures, similar_rate=0.2, memorized_rate=0.1)
    page = Page(calibration_page(index))
    aside = page.words("set-aside")
    assert "Negatives that were set aside" in aside
    assert str(copy) in [pair.image for pair in calibration.contaminated]
    assert f"negative {copy} reference {reference}" in page.words()
    photos = [address for address in page.addresses if address.startswith("data:image/jpeg")]
    nearest = stored_measurements(index).nearest
    assert len(photos) == 2 * (len(calibration.contaminated) + len(nearest))
    assert page.words("provenance").endswith(
        f"command memguard calibrate {index} --negatives {pictures} "
        "--similar-rate 0.2 --memorized-rate 0.1"
    )
    assert f"{calibration.blank} blank image" in page.words()
    assert calibration.blank >= 1
    assert f"{calibration.negatives} images held out" in page.words()
    assert len(cuts) >= calibration.negatives

    for label, point in calibration.operating_points().items():
        assert point.at_worst.total > point.observed.total
        assert point.at_worst.upper in page.numbers[label]
        proven = point.observed.upper <= point.target
        assert ("is PROVEN" in page.words(label)) == proven

    rate, recall = _trade(
        stored_measurements(index), PICTURE_SIGNALS, 0.2, calibration.memorized.target
    )
    assert rate == calibration.similar.observed.share, "the ROC passes through the working point"
    shares = list(calibration.similar.recall.values())
    assert recall == pytest.approx(sum(shares) / len(shares), abs=1e-9)

    copy.unlink()
    assert "no longer here" in Page(calibration_page(index)).words()


def test_commands_in_warnings_are_code(shown: tuple[Path, Page], tmp_path: Path) -> None:
    index = Path(shutil.copytree(shown[0], tmp_path / "x.memguard"))
    calibration = Calibration.of(open_index(index))
    assert calibration is not None
    short = replace(calibration, shortfalls=("run `memguard calibrate INDEX --pipeline PIPE`",))
    store_calibration(index, short)
    page = calibration_page(index)
    words = ("memguard", "calibrate", "INDEX", "--pipeline", "PIPE")
    code = " ".join(f"<span>{word}</span>" for word in words)
    assert re.search(rf'<p class="warning">\s*Run\s+<code>{code}</code>\s*\.</p>', page)


def test_an_index_without_calibration(few: Path, tmp_path: Path) -> None:
    index = Path(shutil.copytree(few, tmp_path / "x.memguard"))
    with pytest.raises(CalibrationError, match="run `memguard calibrate"):
        report_index(index)
    assert not (index / "calibration.html").exists()
