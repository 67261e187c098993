"""The page of a check: pairs, what was not checked, and what it is evidence of."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.html_page import Page
from PIL import Image

from memguard import Guard, __version__
from memguard.report import check_page as module
from memguard.report.check_page import check_page
from memguard.report.checked_files import CheckedFile


def test_pairs_come_first_by_score(
    photograph_index: Path, photographs: dict[str, Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = Guard(photograph_index)
    names = ["chelsea.png", "coffee.png", "rocket.jpg"]
    verdicts = guard.check([photographs[name] for name in names])
    files = [CheckedFile(f"<{name}>", verdict) for name, verdict in zip(names, verdicts)]
    files.append(CheckedFile("gone.png", error="cannot be read: No such file"))
    page = Page(check_page(files, guard.index, "memguard check out"))
    assert page.words("summary") == "2 memorized 0 similar 1 passed, 1 not checked."
    assert "<chelsea.png>" in page.words()
    assert "caption: a cat [indoors]" in page.words()
    assert "gone.png cannot be read: No such file" in page.words()
    assert "The same picture as a training image. What agrees spans" in page.words()
    for evidence in (guard.index.name, __version__, "memguard check out", "leave-one-out"):
        assert evidence in page.words()
    assert len(page.addresses) == 4

    monkeypatch.setattr(module, "MOST_PAIRS", 1)
    page = Page(check_page(files, guard.index, "x"))
    assert len(page.addresses) == 2
    assert "1 more are not shown here" in page.words()


def test_nothing_found_shows_no_pairs(photograph_index: Path, cat: Image.Image) -> None:
    guard = Guard(photograph_index)
    (blank,) = guard.check(Image.new("RGB", (64, 64)))
    page = Page(check_page([CheckedFile("x.png", blank)], guard.index, "x"))
    assert "1 image checked against small.memguard" in page.words()
    assert "there are no pairs to show" in page.words()
    assert page.addresses == []
