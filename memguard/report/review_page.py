"""The generations that a human should judge, as an HTML page: each beside its nearest reference.

The answers are chosen on the page and saved as ``review.csv``, or written into that file by hand.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from memguard.auditing.provenance import describe_model
from memguard.auditing.review import REVIEW, REVIEW_PAGE, Question, read_questions
from memguard.auditing.run_folder import RunFolder
from memguard.files import write_text
from memguard.index import Index
from memguard.index.open import open_index
from memguard.report.pages import find_pictures, render
from memguard.report.provenance import provenance


def review_page(folder: str | os.PathLike[str], index: Index | str | os.PathLike[str]) -> str:
    """The page, as HTML.

    Args:
        folder: of the generations, with its ``review.csv``.
        index: the source of the training images.

    Raises:
        ConfigurationError: the extra ``report`` is not installed, the file cannot be read, or
            memguard made no images in the folder.
        IndexUnavailableError: see :meth:`memguard.open_index`.
    """
    opened = index if isinstance(index, Index) else open_index(index)
    root = Path(folder)
    questions = read_questions(root)
    pictures = find_pictures(
        opened,
        {str(root / each.file) for each in questions} | {each.nearest for each in questions},
    )
    return render(
        "review.html.j2",
        name=root.absolute().name,
        folder=str(folder),
        index=opened.name,
        file=REVIEW,
        columns=[each.name for each in dataclasses.fields(Question)],
        questions=[
            {
                "number": number,
                "question": each,
                "image": pictures.get(str(root / each.file)),
                "reference": pictures.get(each.nearest),
            }
            for number, each in enumerate(questions)
        ],
        rows=[dataclasses.astuple(each) for each in questions],
        provenance=[
            *describe_model(RunFolder(root).request()).items(),
            *provenance(opened, f"memguard calibrate {opened.name} --negatives {root.resolve()}"),
        ],
        waiting=sum(not each.judged for each in questions),
    )


def write_review_page(
    folder: str | os.PathLike[str], index: Index | str | os.PathLike[str]
) -> Path:
    """Write the page into the folder of the generations, and return where it is.

    Raises:
        ConfigurationError, IndexUnavailableError: see :func:`review_page`.
    """
    target = Path(folder) / REVIEW_PAGE
    write_text(target, review_page(folder, index))
    return target
