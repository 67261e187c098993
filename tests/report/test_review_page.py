"""The page on which a human says which generations are copies."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fixtures.calibrations import Calibrated
from fixtures.html_page import Page
from PIL import Image

from memguard.auditing.review import Question, write_questions
from memguard.report.review_page import review_page, write_review_page


def question(file: str, nearest: str, **other: object) -> Question:
    values = {"copy": "", "unless_answered": "set aside", "why": "alike", "images": 1, "prompt": ""}
    return Question(**{**values, "file": file, "nearest": nearest, **other})  # type: ignore[arg-type]


def made(folder: Path) -> None:
    request = {"pipeline": "diffusers.DDIMPipeline", "weights_sha256": "c0ffee"}
    (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")


def test_each_question_shows_its_image_beside_the_nearest_reference(
    calibrated: Calibrated, cat: Image.Image, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    cat.save(tmp_path / "images" / "0.png")
    reference = str(calibrated.path.parent.parent / "chelsea.png")
    asked = [
        question("images/0.png", reference, images=3, prompt="</script><b>a cat"),
        question("images/1.png", "", unless_answered="counted", copy="no"),
    ]
    write_questions(tmp_path, asked)
    made(tmp_path)
    page = write_review_page(tmp_path, calibrated.path)
    assert page == tmp_path / "review.html"
    text = page.read_text(encoding="utf-8")
    words = Page(text).words()
    assert "images/0.png, and 2 nearly the same" in words
    assert "1 of 2 questions wait for an answer" in words
    assert "none came near" in words
    assert "pipeline diffusers.DDIMPipeline model's weights (SHA-256) c0ffee" in words
    assert "no answer: counted" in words
    assert text.count("<img") == 1, "the cat; the reference is not in this index"
    assert "</script><b>" not in text
    checked = re.findall(r'name="(q\d)" value="(\w*)" checked', text)
    assert checked == [("q0", ""), ("q1", "no")]
    (data,) = re.findall(r'id="rows">(.*?)</script>', text)
    columns, rows = json.loads(data)
    assert columns[0] == "copy"
    assert rows[0][3] == "images/0.png"
    assert rows[0][-1] == "</script><b>a cat"


def test_without_questions(calibrated: Calibrated, tmp_path: Path) -> None:
    made(tmp_path)
    assert "nothing has to be judged" in review_page(tmp_path, calibrated.path)
