"""The audit's page: its numbers are those of audit.json, and it needs nothing else."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.html_page import Page, stacked_cells
from PIL import Image

from memguard import Audit, UnconditionalAudit, __version__, audit, audit_unconditional, guard
from memguard.report import audit_page, write_audit_page
from memguard.report.audit_text import headline
from memguard.vision.transforms import dead_leaves


@pytest.fixture(scope="module")
def audited(
    gallery: Path, cat: Image.Image, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Audit]:
    """Two of three prompts give one picture again and again; one of these is a training image."""
    folder = tmp_path_factory.mktemp("audit & co")
    novel = _random("", 0)
    remembered = {"<b>cat</b>": cat, "logo": novel}

    def pipeline(prompt: str, seed: int) -> Image.Image:
        rng = np.random.default_rng(seed)
        picture = remembered.get(prompt) or dead_leaves((64, 64), rng, leaves=80)
        return Image.blend(picture, Image.effect_noise(picture.size, 20).convert("RGB"), 0.1)

    found = audit(
        pipeline,
        ["any", "logo", "<b>cat</b>"],
        output=folder,
        index=gallery,
        images_per_prompt=8,
        arguments={},
    )
    return folder, found


def test_the_numbers_are_those_of_the_json(audited: tuple[Path, Audit]) -> None:
    folder, found = audited
    page = Page(write_audit_page(found, folder).read_text(encoding="utf-8"))
    data = json.loads((folder / "audit.json").read_text())
    findings = data["findings"]
    assert findings["memorized"]["count"] == 8
    marked, copied = data["marked"], data["copied_prompts"]
    assert (marked["count"], copied["count"]) == (2, 1)
    expected = [
        data["counts"]["made"],
        *(marked["count"], marked["total"], pytest.approx(2 / 3)),
        *(copied["count"], copied["total"], pytest.approx(1 / 3)),
        *(findings["memorized"]["count"], findings["memorized"]["total"], pytest.approx(1 / 3)),
        findings["within_delta"],
        findings["similar"],
        len(findings["extractions"]),
        *(findings["noticed"]["count"], findings["noticed"]["total"], 0),
    ]
    assert page.numbers["numbers"] == expected
    for each in data["prompts"]:
        assert each["prompt"] in page.words("prompts")
    assert page.numbers["prompts"] == [
        value
        for each in data["prompts"]
        for value in (each["counts"]["made"], len(each["clique"]["members"]), each["memorized"])
    ]


def test_the_first_lines_say_what_was_found_and_how_sure_it_is(
    audited: tuple[Path, Audit],
) -> None:
    folder, found = audited
    page = Page(audit_page(found, folder))
    words = page.words("found")
    assert words.startswith(
        "The model copied 1 of 4 training images: 8 of 24 images (33.3 %) are memorized, from 1 "
        "of 3 prompts. For images made like these, with 90 % confidence the true share is between "
    )
    assert found.findings is not None
    assert f"{100 * found.findings.memorized.lower:.3g} %" in words
    assert f"{100 * found.findings.memorized.upper:.3g} %" in words
    assert "How many novel images the index calls memorized was not proven" in words
    assert "1 of 2 marked prompts are confirmed by the index" in words
    assert "0 of the copied training images (0 %) came with a rights notice" in words


def test_a_calibrated_index_says_how_many_false_alarms_to_expect(
    audited: tuple[Path, Audit],
) -> None:
    _, found = audited
    assert found.findings is not None
    findings = dataclasses.replace(found.findings, false_rate=0.1)
    sentences = " ".join(headline(dataclasses.replace(found, findings=findings)))
    assert "at most 10\N{NO-BREAK SPACE}% of novel images are called memorized" in sentences
    assert "about 2.4 of these 24" in sentences


def test_each_extracted_image_is_beside_its_training_image(audited: tuple[Path, Audit]) -> None:
    folder, found = audited
    page = Page(audit_page(found, folder))
    assert found.findings is not None
    (extraction,) = found.findings.extractions
    words = page.words()
    assert f"generated {extraction.file} training image {extraction.match.uri}" in words
    assert f"l2 {extraction.match.distances['l2']:.3f}" in words
    assert "in the training set 3 times; copied by 8 images" in words
    assert f"Prompt: <b>cat</b>; seed {extraction.seed}" in words
    photos = [each for each in page.addresses if each.startswith("data:image/jpeg")]
    assert len(photos) == 2 + 2 * 6, "the pair, and six images of each of two cliques"


def test_the_page_needs_nothing_else(audited: tuple[Path, Audit]) -> None:
    folder, found = audited
    page = Page(audit_page(found, folder))
    for address in page.addresses:
        assert address.startswith(("data:image/", "#")), address[:80]
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not re.search(r"@import|url\(", page.styles)
    assert "@media print" in page.styles
    assert any(each.startswith("data:image/svg") for each in page.addresses), "the precision"


def test_a_phone_stacks_the_prompts_and_names_each_cell(audited: tuple[Path, Audit]) -> None:
    folder, found = audited
    cells = stacked_cells(audit_page(found, folder))
    assert len(cells) >= 5 * 3
    assert all('data-label="' in cell or 'class="words"' in cell for cell in cells)


def test_without_an_index_nothing_is_called_a_copy(tmp_path: Path) -> None:
    black_box = audit(_random, ["a", "b"], output=tmp_path, images_per_prompt=4)
    page = Page(audit_page(black_box, tmp_path))
    words = page.words("found")
    assert "No prompt of 2 is predicted to be memorized" in words
    assert "There was no index of the training set, so nothing is confirmed" in words
    assert "with 95 % confidence the true share is below 77.6 %" in words
    assert "by the index" not in page.words()
    assert "extracted" not in page.text


def _random(prompt: str, seed: int) -> Any:
    return dead_leaves((32, 32), np.random.default_rng(seed), leaves=60)


def test_what_the_page_is_evidence_of(audited: tuple[Path, Audit], gallery: Path) -> None:
    folder, found = audited
    page = Page(audit_page(found, folder))
    words = page.words("provenance")
    recorded = json.loads((folder / "audit.json").read_text())["provenance"]
    manifest = json.loads((gallery / "manifest.json").read_text())
    assert recorded["index's fingerprint (SHA-256)"] == manifest["sha256"]
    for heading, value in recorded.items():
        assert f"{heading} {value}" in words
    assert "model's weights (SHA-256) not known: the pipeline shows no weights" in words
    assert f"memguard {__version__}" in words
    assert "command memguard.audit(pipe, prompts of audit.json, images_per_prompt=8, " in words
    named = audit_page(found, folder, command="memguard audit <x>")
    assert Page(named).words("provenance").endswith("command memguard audit <x>")


def test_an_unconditional_model(gallery: Path, cat: Image.Image, tmp_path: Path) -> None:
    def pipeline(seed: int) -> Image.Image:
        return cat.resize((64, 64)) if seed % 2 else _random("", seed)

    found: UnconditionalAudit = audit_unconditional(
        pipeline, 12, output=tmp_path, index=gallery, ks=(2, 3)
    )
    page = Page(audit_page(found, tmp_path))
    assert found.findings is not None
    assert found.eidetic is not None
    copies = found.findings.memorized.count
    assert 3 <= copies <= 9
    assert page.words("found").startswith(
        f"The model copied 1 of 4 training images: {copies} of 12 images"
    )
    assert page.numbers["eidetic"] == [0, 1], "the cat stands three times in the training set"
    assert page.words().count("Histogram") == 0
    svgs = [each for each in page.addresses if each.startswith("data:image/svg")]
    assert len(svgs) == 1, "the relative l2"
    assert f"{copies} alike" in page.words()


def test_a_guarded_pipeline_that_shows_nothing(
    gallery: Path, cat: Image.Image, tmp_path: Path
) -> None:
    guarded = guard(lambda prompt: cat, gallery)
    found = audit(guarded, ["a cat"], output=tmp_path, index=gallery, images_per_prompt=3)
    words = Page(audit_page(found, tmp_path)).words("found")
    assert words == (
        "The pipeline's guard withheld 3 of 3 images; what follows is about the 0 that it showed. "
        "No image was left to compare with the training set."
    )


def test_what_is_only_flagged_is_shown_too(audited: tuple[Path, Audit]) -> None:
    folder, found = audited
    assert found.findings is not None
    (copied,) = found.findings.extractions
    findings = dataclasses.replace(found.findings, extractions=(), flagged=(copied,), similar=8)
    page = Page(audit_page(dataclasses.replace(found, findings=findings), folder))
    assert "Similar to training images" in page.words()
    assert f"generated {copied.file} training image {copied.match.uri}" in page.words()
    assert "flagged in 8 images" in page.words()
    assert "Extracted" not in page.words()
