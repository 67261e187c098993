"""Generations that a human should judge before they count as novel: a small file to fill in.

review.csv    a row for each question: an image, or many that are nearly the same

A human writes ``yes`` or ``no`` in the column ``copy``; what is left empty is set aside or counted
as the next column says. ``review.html`` shows the same questions with their pictures.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from memguard.errors import ConfigurationError
from memguard.files import write_text

REVIEW, REVIEW_PAGE = "review.csv", "review.html"

ANSWERS: Mapping[str, bool] = {"yes": True, "y": True, "no": False, "n": False}
"""What a human may write, in any case."""

Default = Literal["set aside", "counted"]


@dataclass(frozen=True)
class Question:
    """An image of which a human should say whether it is a copy, in the columns of the file.

    Attributes:
        copy: the answer, ``yes`` or ``no``; empty where nobody has judged.
        unless_answered: what happens without an answer.
        why: the reason to ask, in a sentence.
        file: the image, in the folder of the generations.
        images: how many images the answer is about: this one and those that are nearly the same.
        nearest: uri of the nearest reference; empty without any.
        prompt: of the image; empty for a model without prompts.
    """

    copy: str
    unless_answered: Default
    why: str
    file: str
    images: int
    nearest: str
    prompt: str

    @property
    def judged(self) -> bool:
        return bool(self.copy)


def read_questions(folder: Path) -> list[Question]:
    """The questions in a folder of generations, answered or not; none without a file.

    Raises:
        ConfigurationError: the file cannot be read, lacks a column, or holds another answer than
            ``yes``, ``no`` or nothing.
    """
    path = folder / REVIEW
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    reader = csv.DictReader(io.StringIO(text))
    missing = {each.name for each in fields(Question)} - set(reader.fieldnames or ())
    if missing:
        raise ConfigurationError(
            f"{path} lacks the columns {', '.join(sorted(missing))}: separate columns by commas, "
            "or remove the file to have it written again"
        )
    return [_question(path, line, row) for line, row in enumerate(reader, start=2)]


def write_questions(folder: Path, questions: Iterable[Question]) -> Path:
    """Write the file of a folder of generations, and return where it is."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = [each.name for each in fields(Question)]
    writer.writerow(names)
    for question in questions:
        writer.writerow([getattr(question, name) for name in names])
    write_text(folder / REVIEW, stream.getvalue())
    return folder / REVIEW


def answers(questions: Iterable[Question]) -> dict[str, bool]:
    """File to whether it is a copy, for the questions that a human has answered."""
    return {each.file: ANSWERS[each.copy] for each in questions if each.judged}


def _question(path: Path, line: int, row: Mapping[str, str | None]) -> Question:
    values = {each.name: (row[each.name] or "").strip() for each in fields(Question)}
    answer = values["copy"].lower()
    if answer and answer not in ANSWERS:
        raise ConfigurationError(
            f"line {line} of {path} answers {values['copy']!r}: write yes for a copy, no for a "
            "novel image, or nothing"
        )
    if not values["file"] or not values["images"].isdecimal():
        raise ConfigurationError(f"line {line} of {path} is damaged; remove it")
    return Question(
        copy="" if not answer else "yes" if ANSWERS[answer] else "no",
        unless_answered="counted" if values["unless_answered"] == "counted" else "set aside",
        why=values["why"],
        file=values["file"],
        images=int(values["images"]),
        nearest=values["nearest"],
        prompt=values["prompt"],
    )
