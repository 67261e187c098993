"""Cases are read from their file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.real.cases import read_cases


def test_kind_and_reference_come_from_the_name(tmp_path: Path) -> None:
    for file in (
        "copies/cat__paper__0.png",
        "template/shirt__blog__2.png",
        "novel/hard_x__p__1.jpg",
    ):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_bytes(b"")
    found = [(case.name, case.kind, case.reference) for case in read_cases(tmp_path)]
    assert found == [
        ("copies/cat__paper__0.png", "copies", "cat"),
        ("template/shirt__blog__2.png", "template", "shirt"),
        ("novel/hard_x__p__1.jpg", "novel", "hard_x"),
    ]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="copies"):
        read_cases(tmp_path)
