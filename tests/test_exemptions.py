"""Allowing and quarantining references of an index, in a directory and in Milvus."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fixtures.calibrations import simulated_copies_of
from fixtures.milvus_server import MilvusServer
from fixtures.series_index import copied, id_of, right_eye
from PIL import Image, ImageOps

from memguard import (
    ConfigurationError,
    Guard,
    IndexUnavailableError,
    add_images,
    allow_references,
    calibrate_index,
    compact_index,
    disallow_references,
    find_references,
    find_same_reference,
    merge_indexes,
    open_index,
    push_index,
    quarantine_references,
    read_exemptions,
    readmit_images,
    release_references,
    remove_images,
    verify_index,
)
from memguard.index.store.documents import EXEMPTIONS


@pytest.fixture
def own(series: Path, tmp_path: Path) -> Path:
    return copied(series, tmp_path)


@pytest.fixture
def coffee(series: Path) -> str:
    return id_of(series, "others/coffee.png")


def label(index: object, image: Image.Image) -> str:
    (verdict,) = Guard(index).check(image)  # type: ignore[arg-type]
    return verdict.label


def test_allowed_disallowed_quarantined_released(
    own: Path, coffee: str, photographs: dict[str, Image.Image]
) -> None:
    image = photographs["coffee.png"]
    guard = Guard(own)
    noted = allow_references(own, [coffee], why="we took it", who="anna")
    assert guard.check(image)[0].label == "memorized"
    assert not guard.check(image)[0].exempt
    guard.reload()
    assert guard.check(image)[0].label == "clear"
    assert guard.check(image)[0].matches[-1].allowed
    assert read_exemptions(own).allowed == {coffee: noted}
    disallow_references(own, [coffee], why="sold")
    assert label(own, image) == "memorized"
    quarantine_references(own, [coffee])
    assert label(own, image) == "clear"
    release_references(own, [coffee])
    assert label(own, image) == "memorized"
    history = read_exemptions(own).history
    assert [one.action for one in history] == ["allow", "disallow", "quarantine", "release"]
    assert (history[0].who, history[0].why, history[1].why) == ("anna", "we took it", "sold")


def test_errors_say_what_to_do(own: Path, coffee: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no image with the id"):
        allow_references(own, [coffee, "0" * 32])
    with pytest.raises(ConfigurationError, match="32 hexadecimal digits"):
        quarantine_references(own, ["../x"])
    with pytest.raises(ConfigurationError, match="none of these references is allowed"):
        disallow_references(own, [coffee])
    with pytest.raises(ConfigurationError, match="name at least one reference"):
        allow_references(own, [])
    with pytest.raises(IndexUnavailableError):
        allow_references(tmp_path / "nothing.memguard", [coffee])
    assert not (own / EXEMPTIONS).exists()


def test_like_an_image_is_exactly_one_reference(
    own: Path, photographs: dict[str, Image.Image]
) -> None:
    left = photographs["motorcycle_left.png"]
    match = find_same_reference(own, ImageOps.mirror(left.resize((370, 250))))
    assert match is not None
    assert match.uri.endswith("own/left.png")
    allow_references(own, [match.id])
    (verdict,) = Guard(own).check(right_eye())
    assert verdict.label == "memorized"
    assert find_same_reference(own, photographs["rocket.jpg"]) is None
    assert find_same_reference(own, left.crop((200, 100, 600, 400))) is None


def test_by_source_and_licence(series: Path) -> None:
    def names(**origin: str) -> list[str]:
        index = open_index(series)
        found = (index.find(one) for one in find_references(series, **origin))
        return sorted(Path(record.uri).name for record in found if record is not None)

    place = series.parent
    assert names(source=str(place / "own")) == ["cat.png", "left.png"]
    assert names(source=str(place / "ow")) == []
    assert names(licence="CC0") == ["left.png"]
    assert names(licence="CC0", source=str(place / "own")) == ["left.png"]
    assert names(licence="CC0", source=str(place / "others")) == []


def test_an_image_is_of_the_source_of_each_of_its_files(
    own: Path, series: Path, tmp_path: Path
) -> None:
    """The same bytes lie in a second folder; the record names the first."""
    (tmp_path / "second").mkdir()
    shutil.copy(series.parent / "others" / "coffee.png", tmp_path / "second" / "again.png")
    add_images(tmp_path / "second", own, calibrate=False, workers=0)
    assert len(find_references(own, source=str(tmp_path / "second"))) == 1


def test_survives_growth_takedown_compaction_and_merge(
    own: Path, series: Path, coffee: str, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    image = photographs["coffee.png"]
    allow_references(own, [coffee])
    (tmp_path / "more").mkdir()
    photographs["rocket.jpg"].save(tmp_path / "more" / "rocket.png")
    add_images(tmp_path / "more", own, calibrate=False, workers=0)
    remove_images(own, [id_of(series, "own/left.png")])
    compact_index(own)
    assert label(own, image) == "clear"
    merge_indexes([series, own], tmp_path / "merged.memguard")
    assert label(tmp_path / "merged.memguard", image) == "clear"
    remove_images(own, [coffee])
    assert label(own, image) == "clear"
    readmit_images(own, [coffee])
    (verdict,) = Guard(own).check(image)
    assert verdict.exempt


def test_a_calibration_leaves_quarantined_references_out(
    own: Path, series: Path, cat: Image.Image, photographs: dict[str, Image.Image]
) -> None:
    negatives = [ImageOps.mirror(cat), photographs["rocket.jpg"]]
    with simulated_copies_of(1):
        assert len(calibrate_index(own, negatives).contaminated) == 1
        quarantine_references(own, [id_of(series, "own/cat.png"), id_of(series, "others/cat.bmp")])
        assert calibrate_index(own, negatives).contaminated == ()


def test_tampering_is_found(own: Path, coffee: str) -> None:
    allow_references(own, [coffee], who="anna")
    assert verify_index(own).damaged == ()
    path = own / EXEMPTIONS
    path.write_bytes(path.read_bytes().replace(b"anna", b"otto"))
    (damage,) = verify_index(own).damaged
    assert damage.file == EXEMPTIONS
    assert "nothing is allowed or quarantined" in damage.advice
    with pytest.raises(IndexUnavailableError, match="is damaged"):
        Guard(own)
    with pytest.raises(IndexUnavailableError, match="is damaged"):
        allow_references(own, [coffee])
    path.unlink()
    assert read_exemptions(own).history == ()


def test_in_milvus(
    own: Path, coffee: str, photographs: dict[str, Image.Image], milvus: MilvusServer
) -> None:
    image, address = photographs["coffee.png"], milvus.uri("exempt")
    allow_references(own, [coffee], why="we took it")
    push_index(own, address)
    assert label(address, image) == "clear"
    left = find_same_reference(address, photographs["motorcycle_left.png"])
    assert left is not None
    allow_references(address, [left.id])
    assert find_references(address, licence="CC0") == [left.id]
    assert coffee in find_references(address, source=str(Path(left.uri).parents[1]))
    disallow_references(address, [coffee])
    assert label(address, image) == "memorized"
    assert label(address, right_eye()) == "memorized"
    with pytest.raises(ConfigurationError, match="holds no image with the id"):
        quarantine_references(address, ["0" * 32])
    push_index(own, address)  # what was decided in Milvus stays
    assert set(read_exemptions(address).allowed) == {left.id}
