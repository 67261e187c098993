"""The page of explanations: what it says first, what it shows, and what it is evidence of."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

import pytest
from fixtures.html_page import Page
from PIL import Image, ImageOps

from memguard import Detector, Dossier, __version__, explain, explain_images
from memguard.report import dossier as module
from memguard.report.cases import NOTHING, Case

HOSTILE = '<img src=x onerror="alert(1)">\x1b]0;\u202e\udcff'
WRITTEN = r"&lt;img src=x onerror=&#34;alert(1)&#34;&gt;\x1b]0;\u202e\udcff"


@pytest.fixture(scope="module")
def crop(cat: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that shows a mirrored part of the cat."""
    file = tmp_path_factory.mktemp("crop") / "crop & more.png"
    ImageOps.mirror(cat.crop((100, 50, 350, 250))).save(file)
    return file


@pytest.fixture(scope="module")
def html(crop: Path, detector: Detector) -> str:
    return explain(crop, detector).to_html()


def test_the_finding_comes_first_and_the_evidence_after_it(
    html: str, crop: Path, detector: Detector
) -> None:
    page, words = Page(html), Page(html).words()
    finding = "A part of a training image, about two fifths of it, fills this image, mirrored."
    assert page.words("finding") == finding
    assert f"<title>{finding}</title>" in html
    order = ("memorized so close", "Outlined in both", "What decided", "Measurements that decide")
    places = [words.index(text) for text in order]
    assert places == sorted(places)
    assert "the defaults apply" in words, "what the threshold promises"
    assert "Unrelated pictures differ by about 25% to 50%" in words
    for evidence in (
        hashlib.sha256(crop.read_bytes()).hexdigest(),
        detector.index.name,
        f"memguard {__version__}",
        f"memguard explain '{crop}' -i {detector.index.name}",
    ):
        assert evidence in words


def test_what_decides_nothing_is_folded_away(html: str) -> None:
    folded = "".join(re.findall(r"<details>.*?</details>", html, re.DOTALL))
    open_part = re.sub(r"<details>.*?</details>", "", html, flags=re.DOTALL)
    for name in ("tiled_l2", "local_features", "relative_l2"):
        assert name in folded
        assert name not in open_part
    assert "copy_evidence" in open_part
    assert "(root mean square, rms)" in folded


def test_the_part_is_outlined_in_both(html: str, crop: Path, detector: Detector) -> None:
    region = explain(crop, detector).verdict.matches[0].region
    assert region is not None
    drawn = re.findall(r'<polygon points="([^"]*)"', html)
    for outline, corners in zip(drawn, (region.query, region.reference), strict=True):
        numbers = [float(number) / 100 for number in re.split("[ ,]", outline)]
        assert numbers == pytest.approx([edge for corner in corners for edge in corner], abs=1e-3)


def test_it_works_without_scripts_and_from_the_keyboard(html: str) -> None:
    """The slider is a range, which has keys; it appears with the script that moves it."""
    page = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert page.count('<div class="frame"><img src="data:image/jpeg;base64,') == 1
    assert 'role="group" aria-label="This image laid over the training image" hidden>' in page
    assert '<label>training image <input type="range" min="0" max="100" value="50">' in page
    assert '<button type="button" aria-pressed="false">Blink</button>' in page
    assert all('alt="' in tag for tag in re.findall("<img[^>]*>", page))


def test_nothing_comes_from_elsewhere(html: str) -> None:
    for address in Page(html).addresses:
        assert address.startswith("data:image/")
    assert "http" not in re.sub(r"data:[^\"]*", "", html)


def test_a_clear_image_shows_the_nearest_and_says_what_that_is_worth(
    photographs: dict[str, Image.Image], detector: Detector
) -> None:
    page = explain(photographs["rocket.jpg"], detector).to_html()
    words = Page(page).words()
    assert Page(page).words("finding") == "No copy of a training image was found."
    assert "Nearest training image" in words
    assert "were found when the thresholds were chosen" in words
    assert "What is not among the" in words
    assert '<div class="overlay"' not in page
    assert "the image came as pixels, not as a file" in words
    assert "memguard.explain(image, " in words


def test_blank_and_unreadable_images(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    blank = Image.new("RGB", (99, 99))
    dossier = explain_images([tmp_path / "broken.png", blank], detector)
    assert [case.label for case in dossier.cases] == ["unchecked", "uninformative"]
    words = Page(dossier.to_html()).words()
    assert "nothing is known about it: cannot be read: not an image" in words
    assert "The image is blank" in words
    assert dossier.to_json()["images"][0]["error"].startswith("cannot be read")


def test_names_and_captions_are_neither_markup_nor_control_characters(
    crop: Path, detector: Detector
) -> None:
    explanation = explain(crop, detector)
    first, *others = explanation.verdict.matches
    match = dataclasses.replace(first, uri=HOSTILE, caption=HOSTILE, rights=HOSTILE, url=HOSTILE)
    verdict = dataclasses.replace(
        explanation.verdict, why=HOSTILE, matches=(match, *[match for _ in others])
    )
    page = dataclasses.replace(explanation, name=HOSTILE, verdict=verdict).to_html(HOSTILE)
    assert "<img src=x" not in page
    assert page.count(WRITTEN) >= 9
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", page)
    page.encode("utf-8")


def test_the_gravest_are_shown_and_the_others_listed(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SHOWN", 2)
    labels = {
        "b": ("similar", 0.6),
        "a": ("clear", 0.1),
        "d": ("memorized", 1.5),
        "c": ("similar", 0.8),
    }
    cases = [
        Case(
            name,
            label,
            score,
            f"finding {name}",
            {"image": name, "why": ""},
            None,
            {**NOTHING, "exempt": [], "facts": []},
        )
        for name, (label, score) in labels.items()
    ]
    dossier = Dossier.of(cases, detector.index, "x")
    assert [case.name for case in dossier.cases if case.shown] == ["d", "c"]
    page = Page(dossier.to_html())
    words = page.words()
    places = [words.index(f"finding {name}") for name in "dcba"]
    assert places == sorted(places)
    assert words.count("finding d") == 2
    assert words.count("finding a") == 1
    assert "Those without a link are only listed" in words


def test_files_are_pages_or_pictures(crop: Path, detector: Detector, tmp_path: Path) -> None:
    explanation = explain(crop, detector)
    explanation.save(tmp_path / "x.html", "make evidence")
    explanation.save(tmp_path / "x.png")
    assert "make evidence" in Page((tmp_path / "x.html").read_text(encoding="utf-8")).words()
    assert Image.open(tmp_path / "x.png").size == explanation.draw().size
