"""README: its length, its code and output, its figures, and the commands it shares with CI."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from fixtures.calibrations import simulated_copies_of
from PIL import Image

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REAL = (ROOT / "benchmarks" / "results" / "real.md").read_text(encoding="utf-8")

MOST_WORDS = 700


def cells(table: str) -> dict[str, list[str]]:
    """The rows of a Markdown table by their first cell, without emphasis."""
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return {row[0].strip(): [cell.strip(" *") for cell in row[1:]] for row in rows}


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one."""
    return text.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]


def test_it_is_read_in_two_minutes() -> None:
    assert len(README.split()) <= MOST_WORDS


def test_the_ten_lines_print_what_readme_says(
    tmp_path: Path,
    photographs: dict[str, Image.Image],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "photos").mkdir()
    for name, image in photographs.items():
        image.save(tmp_path / "photos" / f"{Path(name).stem}.png")
    (tmp_path / "photos" / "chelsea.png").rename(tmp_path / "photos" / "cat.png")
    ((code, output),) = re.findall(
        r"```python\n([^`]*build_index\([^`]*)```\n\n```text\n([^`]*)```", README
    )
    assert len([line for line in code.splitlines() if line]) <= 10
    (tmp_path / "ten_lines.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with simulated_copies_of(1):
        runpy.run_path("ten_lines.py", run_name="__main__")
    assert capsys.readouterr().out == output


def test_ci_runs_readmes_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    pattern = re.search(r'grep -m1 -E "([^"]+)" README', script)
    assert pattern is not None
    (command,) = re.findall(rf"(?m){pattern[1]}.*$", README)
    assert command.endswith("python -m pytest -n auto")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"pip install '\.\[(\w+)\]'", README))))
def test_the_extras_that_readme_names_exist(name: str) -> None:
    assert re.search(rf"(?m)^{name} = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("rule", ["", " thorough", " + SSCD", " + SSCD thorough"])
def test_the_results_are_the_benchmark_s(rule: str) -> None:
    said = cells(section(README, "## How well it works"))[f"memguard{rule}"]
    measured = cells(REAL)[f"memguard{rule}, as shipped"][:3]
    assert said == [cell.split(" (bar")[0] for cell in measured]


def test_the_copies_that_got_through_are_the_benchmark_s() -> None:
    text = (ROOT / "benchmarks" / "results" / "extraction.md").read_text(encoding="utf-8")
    blocked = [
        row.split("|")[5].split("=")[0].strip().replace("/", " of ")
        for row in section(text, "### The same samples behind `guard`").splitlines()
        if re.match(r"\| (other )?ten \| relative l2 < 1 ", row)
    ]
    assert f"{blocked[0]} and {blocked[1]} got through" in README
