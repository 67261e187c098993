"""What goes into pages: templates, pictures, plots."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from memguard.errors import ConfigurationError
from memguard.index.open import open_index
from memguard.report.check_page import check_page
from memguard.report.checked_files import CheckedFile
from memguard.report.pages import PICTURE_EDGE, find_pictures, picture_uri, plot_uri, render


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_pictures_are_small_jpegs(cat: Image.Image) -> None:
    image = opened(picture_uri(cat))
    assert (image.format, image.width) == ("JPEG", PICTURE_EDGE)


def test_pictures_come_from_the_index_or_from_files(
    gallery: Path, cat: Image.Image, tmp_path: Path
) -> None:
    index = open_index(gallery)
    reference = str(gallery.parent / "images" / "chelsea.png")
    cat.crop((0, 0, 50, 100)).save(tmp_path / "file.png")
    names = {reference, str(tmp_path / "file.png"), str(tmp_path / "gone.png"), "\0"}
    found = find_pictures(index, names)
    assert found.keys() == {reference, str(tmp_path / "file.png")}
    assert opened(found[reference]).size == (200, 133)
    assert opened(found[str(tmp_path / "file.png")]).size == (50, 100)


def test_no_plot_has_no_address() -> None:
    assert plot_uri(None) is None
    assert plot_uri(b"<svg/>") == "data:image/svg+xml;base64,PHN2Zy8+"


def test_without_the_extra_a_page_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'memguard\[report\]'"):
        render("layout.html.j2")


def test_a_command_is_broken_between_its_words_only(gallery: Path) -> None:
    page = check_page([], open_index(gallery), "memguard check 'my <folder>' --html x.html")
    words = ("memguard", "check", "&#39;my", "&lt;folder&gt;&#39;", "--html", "x.html")
    spans = " ".join(f"<span>{word}</span>" for word in words)
    assert f"<code>{spans}</code>" in page
    assert "code span { display: inline-block; max-width: 100%; }" in page


def test_names_and_captions_are_neither_markup_nor_control_characters(gallery: Path) -> None:
    hostile = "<script>alert(1)</script>\x1b]0;\u202e\udcff&"
    file = CheckedFile(hostile, error=hostile)
    page = check_page([file], open_index(gallery), hostile)
    assert "<script" not in page
    assert page.count(r"&lt;script&gt;alert(1)&lt;/script&gt;\x1b]0;\u202e\udcff&amp;") == 3
    page.encode("utf-8")
