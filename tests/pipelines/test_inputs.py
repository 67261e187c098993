"""What ``Guard.check`` takes, one or many; and what it refuses."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from fixtures.guarded_images import COPY, NOVEL, drawing, unit
from PIL import Image

from memguard import CheckFailedError, ConfigurationError, Guard, UnreadableImageError, explain


@pytest.fixture
def file(tmp_path: Path) -> Path:
    drawing(COPY).save(tmp_path / "copy.png")
    return tmp_path / "copy.png"


@pytest.fixture(scope="module")
def checker(index: Path) -> Guard:
    return Guard(index)


def encoded(seed: int) -> bytes:
    stream = io.BytesIO()
    drawing(seed).save(stream, "PNG")
    return stream.getvalue()


def tensor(seed: int) -> torch.Tensor:
    return torch.from_numpy(unit(seed)).permute(2, 0, 1)


ONE: dict[str, Callable[[Path], Any]] = {
    "text": str,
    "path": Path,
    "bytes": lambda _: encoded(COPY),
    "bytearray": lambda _: bytearray(encoded(COPY)),
    "image": lambda _: drawing(COPY),
    "array": lambda _: unit(COPY),
    "batch of one": lambda _: unit(COPY)[None],
    "tensor": lambda _: tensor(COPY),
    "output": lambda _: SimpleNamespace(images=[drawing(COPY)]),
}


@pytest.mark.parametrize("kind", ONE)
def test_one_image_gives_a_list_of_one_verdict(kind: str, checker: Guard, file: Path) -> None:
    one = ONE[kind](file)
    (verdict,) = checker.check(one)
    assert verdict.label == "memorized"
    assert [each.label for each in checker.check([one, one])] == ["memorized"] * 2


def test_many_of_all_kinds_in_order(checker: Guard, file: Path) -> None:
    batch = np.stack([unit(NOVEL), unit(COPY)])
    mixed = [file, drawing(NOVEL), encoded(COPY), batch, tensor(COPY), (str(file), unit(NOVEL))]
    copied = [verdict.label == "memorized" for verdict in checker.check(mixed)]
    assert copied == [True, False, True, False, True, True, True, False]


def test_generators_and_values_of_a_dict(checker: Guard, file: Path) -> None:
    assert len(checker.check(iter([file, file]))) == 2
    assert len(checker.check({"a": file, "b": file}.values())) == 2
    assert checker.check([]) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "a check takes paths, encoded bytes, .* not this NoneType$"),
        (7, "not this int"),
        ({"a": 1}, "not this dict"),
        ([None], "not this NoneType"),
        (np.zeros((4, 4)), r"shape \(4, 4\) is neither an image nor a batch"),
        (np.zeros((0, 4, 3)), r"shape \(0, 4, 3\) is neither"),
        (Image.new("RGB", (0, 0)), "an image of 0 x 0 pixels shows nothing"),
        ("nothing.png", "there is no file nothing.png; name an image file"),
        ("https://example.org/a.png", "https://example.org/a.png is an address; .* fetch it first"),
        (".", r"is a folder; a check takes image files: check\(Path"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_image_is_an_error(checker: Guard, wrong: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        checker.check(wrong)


def test_a_file_that_holds_no_image_is_unchecked(checker: Guard, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    broken, whole = checker.check([tmp_path / "broken.png", drawing(COPY)])
    assert broken.label == "unchecked"
    assert "broken.png: not an image" in broken.why
    assert whole.label == "memorized"
    (empty,) = checker.check(b"")
    assert "the bytes: the file is empty" in empty.why


def test_a_file_that_holds_no_image_raises_if_asked_to(index: Path) -> None:
    with pytest.raises(CheckFailedError, match="the bytes: not an image"):
        Guard(index, on_error="raise").check([drawing(COPY), b"no image"])


def test_flagged_images_carry_small_pictures(checker: Guard) -> None:
    copied, novel = checker.check([drawing(COPY), drawing(NOVEL)])
    first, *others = copied.matches
    for data in (copied.thumbnail, first.thumbnail):
        assert data is not None
        assert Image.open(io.BytesIO(data)).size == drawing(COPY).size
    assert copied._repr_html_().count("<img") == 2
    assert novel.label == "clear"
    assert novel.thumbnail is None
    assert {match.thumbnail for match in (*others, *novel.matches)} == {None}


def test_an_explanation_takes_one_of_them(index: Path, file: Path) -> None:
    for one in (str(file), encoded(COPY), unit(COPY)):
        assert explain(one, index).verdict.label == "memorized"
    with pytest.raises(ConfigurationError, match="takes one image, not 2"):
        explain(np.stack([unit(COPY)] * 2), index)
    with pytest.raises(UnreadableImageError, match="not an image in a format"):
        explain(b"no image", index)
