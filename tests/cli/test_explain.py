"""``memguard explain``: one image or many, pages, pictures, JSON and exit status."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures.command_line import invoked
from fixtures.html_page import Page
from PIL import Image, ImageOps
from rich.console import Console
from typer.testing import CliRunner

import memguard
from memguard import Guard
from memguard.cli import app
from memguard.cli import explain as cli_explain
from memguard.errors import ConfigurationError
from memguard.report.evidence_image import MARGIN, PANEL
from memguard.report.formatting import threshold_text
from memguard.verdict import Match


def test_explain(photograph_index: Path, cat: Image.Image, tmp_path: Path) -> None:
    query, picture = tmp_path / "query [1].png", tmp_path / "why.png"
    ImageOps.mirror(cat).save(query)
    arguments = ["explain", str(query), str(photograph_index), "-o", str(picture)]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    (verdict,) = Guard(photograph_index).check(cat.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert f"memorized {query}: The same picture as a training image, mirrored" in done.output
    assert verdict.why in done.output
    for signal in verdict.signals:
        assert signal.name in done.output
        assert threshold_text(signal.similar) in done.output
    assert "[indoors]" in done.output, "brackets of a caption are no markup"
    assert "mirrored" in done.output
    assert "What agrees spans the whole training image and all of this image" in done.output
    assert Image.open(picture).width == 4 * PANEL + 5 * MARGIN

    done = CliRunner().invoke(app, [*arguments, "--json"])
    document = json.loads(done.stdout)
    (row,) = document["images"]
    assert row["label"] == "memorized"
    assert document["written"] == [str(picture)]
    assert document["provenance"]["index"] == str(photograph_index)
    assert row["comparison"]["view"] == "mirrored"
    assert row["matches"][0]["region"]["share_of_reference"] == pytest.approx(1, abs=0.03)
    assert np.array(row["comparison"]["mask"]).sum() == 12
    assert row["why"] == verdict.why


def test_no_number_is_cut_at_80_columns(
    photograph_index: Path, cat: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    explanation = memguard.explain(cat, photograph_index)
    shown, *others = explanation.verdict.matches
    rounded = replace(shown, distances={**shown.distances, "vlad": -3.815e-06})
    verdict = replace(explanation.verdict, matches=(rounded, *others))
    printed = io.StringIO()
    monkeypatch.setattr(cli_explain, "out", Console(width=80, file=printed))
    cli_explain._print_signals(replace(explanation, verdict=verdict))
    assert "-3.815e-06" in printed.getvalue()


def test_the_nearest_references_have_no_empty_columns() -> None:
    match = Match("a" * 32, "/train/a.png", "as is", {"l2": 0.1})
    bare = cli_explain._nearest([match])
    assert [column.header for column in bare.columns] == ["uri", "view", "files", "near-duplicates"]
    captioned = cli_explain._nearest([match, replace(match, caption="a cat [1]")])
    assert [column.header for column in captioned.columns][4:] == ["caption"]


def test_an_explanation_that_cannot_be_written(
    photograph_index: Path, cat: Image.Image, tmp_path: Path
) -> None:
    query = tmp_path / "query.png"
    cat.save(query)
    for name in ("none/why.png", "why.unknown"):
        done = CliRunner().invoke(app, ["explain", str(query), str(photograph_index), "-o", name])
        assert done.exit_code == 1
        assert "cannot be written" in str(done.exception)


WITHOUT_THE_EXTRA = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("matplotlib", "jinja2"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from memguard.cli import main
main()
"""


def test_without_the_extra_there_are_reasons_and_no_page(
    photograph_index: Path, cat: Image.Image, tmp_path: Path
) -> None:
    query = tmp_path / "query.png"
    cat.save(query)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            WITHOUT_THE_EXTRA,
            "explain",
            str(query),
            str(photograph_index),
            *("-o", "explain.html", "-o", "explain.png", "--json"),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [row["label"] for row in document["images"]] == ["memorized"]
    assert document["written"] == []
    assert "no picture: " in done.stderr
    assert "no page: " in done.stderr
    assert "memguard[report]" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["query.png"]


def test_many_images_make_one_dossier(
    photograph_index: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    photographs["rocket.jpg"].save(tmp_path / "out" / "1 novel.png")
    ImageOps.mirror(photographs["chelsea.png"]).save(tmp_path / "out" / "2 copy.png")
    page = tmp_path / "dossier.html"
    arguments = ["explain", tmp_path / "out", tmp_path / "gone.png", "-i", photograph_index]
    done = invoked(*arguments, "-o", page)
    assert done.exit_code == 1, "an image could not be checked"
    assert f"memorized {tmp_path}/out/2 copy.png: The same picture" in done.stdout
    assert f"clear {tmp_path}/out/1 novel.png: No copy" in done.stdout
    assert "gone.png cannot be read: No such file or directory" in done.stderr
    shown = Page(page.read_text(encoding="utf-8"))
    assert shown.words("summary") == "1 memorized 1 unchecked 1 clear"
    assert [address for address in shown.addresses if address.startswith("#case")] == [
        "#case-1",
        "#case-2",
        "#case-3",
    ]
    words = shown.words()
    assert words.index("1. The same picture") < words.index("2. This image was not checked")

    with pytest.raises(ConfigurationError, match="a picture shows one image, and these are 3"):
        invoked(*arguments, "-o", tmp_path / "why.png")


def test_what_a_check_found_is_explained(
    photograph_index: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    for name in ("rocket.jpg", "coffee.png", "chelsea.png"):
        photographs[name].save(tmp_path / Path(name).with_suffix(".png"))
    checked = invoked("check", tmp_path, "-i", photograph_index, "--json")
    rows = json.loads(checked.stdout)
    rows[0]["label"] = "similar"
    file = tmp_path / "check.json"
    file.write_text(json.dumps([*rows, {"image": "gone.png", "error": "cannot be read"}]))
    done = invoked("explain", file, photograph_index, "-o", tmp_path / "x.html", "--json")
    assert done.exit_code == 1
    found = {Path(row["image"]).name: row for row in json.loads(done.stdout)["images"]}
    assert found.keys() == {"chelsea.png", "coffee.png", "gone.png"}, "what passed is left out"
    assert (found["chelsea.png"]["label"], found["chelsea.png"]["recorded"]) == (
        "memorized",
        "similar",
    )
    words = Page((tmp_path / "x.html").read_text(encoding="utf-8")).words()
    assert "The earlier check called it similar" in words
    assert "1 that passed the earlier check is not in here" in words

    file.write_text(json.dumps([row for row in rows if row["label"] == "clear"]))
    with pytest.raises(ConfigurationError, match="to explain: 1 image of the check passed"):
        invoked("explain", file, "-i", photograph_index)
    for broken in ("{", "[1]", '[{"image": 1, "label": "clear"}]', '[{"image": "x"}]', "5"):
        file.write_text(broken)
        with pytest.raises(ConfigurationError, match="is not what `memguard check --json` writes"):
            invoked("explain", file, "-i", photograph_index)


def test_the_page_is_the_default(
    photograph_index: Path, cat: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cat.save("query.png")
    done = invoked("explain", "query.png", "-i", photograph_index)
    assert done.exit_code == 0
    assert done.stdout.endswith("The page: explain.html\n")
    assert "<!DOCTYPE html>" in Path("explain.html").read_text(encoding="utf-8")
