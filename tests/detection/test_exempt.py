"""Exempt references: their copies pass, copies of others do not, and nobody hides behind them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures.series_index import id_of, right_eye
from PIL import Image, ImageOps

from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.detection.exempt import exempt_among
from memguard.index import Index
from memguard.index.open import open_index
from memguard.verdict import Match, Verdict


@pytest.fixture(scope="module")
def index(series: Path) -> Index:
    return open_index(series)


@pytest.fixture(scope="module")
def detector(index: Index) -> Detector:
    return Detector(index, load_descriptors(index.specs))


def label(detector: Detector, image: Image.Image) -> str:
    (verdict,) = detector.detect([image])
    return verdict.label


def names(matches: tuple[Match, ...]) -> set[str]:
    return {Path(match.uri).name for match in matches}


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda image: image,
    "mirrored": ImageOps.mirror,
    "smaller": lambda image: image.resize((200, 133)),
    "cropped": lambda image: image.crop((40, 30, 400, 270)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_copies_of_an_allowed_reference_pass(
    detector: Detector, series: Path, photographs: dict[str, Image.Image], edit: str
) -> None:
    image = EDITS[edit](photographs["coffee.png"])
    assert label(detector, image) == "memorized"
    allowing = detector.exempting({id_of(series, "others/coffee.png"): "allowed"})
    (verdict,) = allowing.detect([image])
    assert verdict.label == "clear"
    (match,) = verdict.exempt
    assert match.allowed
    assert match.uri.endswith("coffee.png")
    assert match.region is not None
    assert "coffee.png would block it, but is allowed" in verdict.why
    logged = {"match": match.id, "uri": match.uri, "as": "allowed"}
    assert verdict.to_log()["exempt"] == [logged]
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_another_picture_of_the_series_still_blocks(detector: Detector, series: Path) -> None:
    allowing = detector.exempting({id_of(series, "own/left.png"): "allowed"})
    (verdict,) = allowing.detect([right_eye()])
    assert verdict.label == "memorized"
    assert verdict.matches[0].uri.endswith("right.png")
    assert names(verdict.exempt) == {"left.png"}


def test_exact_duplicates_are_allowed_too(
    detector: Detector, series: Path, cat: Image.Image
) -> None:
    """The same pixels lie in another file, with another id."""
    one = id_of(series, "own/cat.png")
    assert one != id_of(series, "others/cat.bmp")
    allowing = detector.exempting({one: "allowed"})
    (verdict,) = allowing.detect([cat])
    assert verdict.label == "clear"
    assert names(verdict.exempt) == {"cat.png", "cat.bmp"}


def test_verdicts_are_those_of_an_index_without_the_reference(
    detector: Detector, series: Path, photographs: dict[str, Image.Image]
) -> None:
    """Also the distances: what is relative to other candidates knows nothing of exempt ones."""
    left = id_of(series, "own/left.png")
    without = Detector(detector.index.excluding([left]), detector.descriptors)
    allowing = detector.exempting({left: "allowed"})
    for image in (photographs["motorcycle_left.png"], right_eye(), photographs["rocket.jpg"]):
        (expected,), (verdict,) = without.detect([image]), allowing.detect([image])
        counted = tuple(match for match in verdict.matches if match.counts)
        assert (verdict.label, verdict.signals) == (expected.label, expected.signals)
        assert counted == expected.matches


def test_an_exempt_reference_hides_nobody(
    detector: Detector, series: Path, photographs: dict[str, Image.Image]
) -> None:
    """Descriptors that propose one reference each propose the next one behind an exempt one."""
    few = [one for one in detector.descriptors if one.spec.name == "phash64"]
    assert [one.neighbours for one in few] == [1]
    narrow = Detector(detector.index, few)
    left = photographs["motorcycle_left.png"]
    assert names(narrow.detect([left])[0].matches[:1]) == {"left.png"}
    exempt = detector.exempting({id_of(series, "own/left.png"): "quarantined"}).exempt
    (verdict,) = narrow.exempting(exempt).detect([left])
    assert any(match.counts for match in verdict.matches)
    assert names(verdict.exempt) == {"left.png"}


def test_everything_may_be_exempt(detector: Detector, index: Index, cat: Image.Image) -> None:
    every = {record.id: "quarantined" for record in index.take(index.rows().tolist())}
    (verdict,) = detector.exempting(every).detect([cat])
    assert (verdict.label, verdict.score, verdict.signals) == ("clear", 0.0, ())
    assert verdict.why.startswith("no other reference came near the image; reference")
    assert {match.exempt for match in verdict.matches} == {"quarantined"}


def test_a_suspended_reference_blocks_only_what_is_like_it_as_a_whole(
    detector: Detector, series: Path, photographs: dict[str, Image.Image]
) -> None:
    coffee = photographs["coffee.png"]
    suspending = detector.exempting({id_of(series, "others/coffee.png"): "suspended"})
    assert label(suspending, coffee) == "memorized"
    assert label(suspending, ImageOps.mirror(coffee)) == "memorized"
    part = coffee.crop((150, 100, 500, 350))
    assert label(detector, part) == "memorized"
    (verdict,) = suspending.detect([part])
    assert verdict.label == "similar"
    assert "is suspended" in verdict.why
    assert verdict.exempt == ()


def test_exempting_adds_up_and_changes_no_other_detector(
    detector: Detector, series: Path, cat: Image.Image
) -> None:
    one = detector.exempting({id_of(series, "own/cat.png"): "allowed"})
    two = one.exempting({id_of(series, "own/left.png"): "quarantined"})
    assert sorted(two.exempt.values()) == ["allowed", "quarantined"]
    assert label(two, cat) == "clear"
    assert detector.exempt == {}
    assert label(detector, cat) == label(two.counting_all(), cat) == "memorized"
    assert detector.exempting({}) is detector


def test_references_without_pixels_are_exempt_by_id_only(index: Index) -> None:
    first, second, *_ = (
        dataclasses.replace(record, thumbnail=None) for record in index.take(index.rows().tolist())
    )
    assert exempt_among([first, second], {first.id: "allowed"}) == {first.id: "allowed"}
