"""The file in which a human says which generations are copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.auditing.review import Question, answers, read_questions, write_questions
from memguard.errors import ConfigurationError

FIRST = Question("", "set aside", "3 images, alike", "images/0.png", 3, "/a, b.png", 'a "b", c')
SECOND = Question("no", "counted", "near", "images/7.png", 1, "", "")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_questions(tmp_path) == []
    path = write_questions(tmp_path, [FIRST, SECOND])
    assert path.read_text().splitlines()[0].startswith("copy,unless_answered,why,file,")
    assert read_questions(tmp_path) == [FIRST, SECOND]
    assert answers([FIRST, SECOND]) == {"images/7.png": False}


def test_answers_as_humans_and_spreadsheets_write_them(tmp_path: Path) -> None:
    path = write_questions(tmp_path, [FIRST, SECOND])
    lines = path.read_text().splitlines()
    lines[1], lines[2] = " YES " + lines[1], lines[2].replace("no,", "n,", 1)
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert answers(read_questions(tmp_path)) == {"images/0.png": True, "images/7.png": False}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\nno,", "\nperhaps,", "line 3 of .* answers 'perhaps': write yes for a copy, no for"),
        ("copy,", "kopie,", "lacks the columns copy: separate columns by commas"),
        ("images/7.png,1", ",1", "line 3 of .* is damaged"),
        ("images/7.png,1", "images/7.png,many", "line 3 of .* is damaged"),
    ],
)
def test_what_cannot_be_understood(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write_questions(tmp_path, [FIRST, SECOND])
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigurationError, match=message):
        read_questions(tmp_path)
