"""The documentation agrees with the code: commands, paths, figures, pictures."""

from __future__ import annotations

import hashlib
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer
from fixtures.calibrations import simulated_copies_of
from PIL import Image

from memguard import Guard, build_index
from memguard.cli import app

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page for place in ("*.md", "docs/**/*.md", "examples/*.md") for page in ROOT.glob(place)
)
PAGES = [page for page in PAGES if "results" not in page.parts]


def of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(page: Path) -> list[str]:
    """The memguard commands in the shell code of a page, and those in running text."""
    text = page.read_text(encoding="utf-8")
    shell = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    inline = re.findall(r"`(memguard [a-z][^`\n]*)`", text)
    return [*re.findall(r"(?m)^(?:.*&& )?(memguard .*?)(?:\s+#.*)?$", shell), *inline]


@cache
def options(name: str) -> set[str]:
    """The options of a command, or of all commands of a group."""
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    commands = [command, *getattr(command, "commands", {}).values()]
    params = [one for each in commands for one in each.params]
    return {option for one in params for option in (*one.opts, *one.secondary_opts)}


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_the_commands_exist(page: Path) -> None:
    for line in commands(page):
        words = [word.strip("[]") for word in shlex.split(line)[1:]]
        if words[0] == "COMMAND" or words[0].startswith("-"):
            continue
        unknown = {
            part for word in words[1:] if word.startswith("-") for part in word.split("/")
        } - options(words[0])
        assert not unknown - {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_the_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=of)
def test_the_files_of_the_code_exist(page: Path) -> None:
    known = {str(path.relative_to(ROOT / "memguard")) for path in (ROOT / "memguard").rglob("*.py")}
    for path in re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.py)`", page.read_text(encoding="utf-8")):
        assert path in known or (ROOT / path).exists(), path


def test_the_tables_are_those_of_the_benchmarks() -> None:
    results = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks" / "results").glob("*.md")
    ).splitlines()
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\|.*\*\*.*$", page)
    assert len(rows) == 2 + 4 + 19
    assert all(row in results for row in rows)


@pytest.mark.parametrize("source", sorted((ROOT / "docs").rglob("*.mmd")), ids=of)
def test_the_pictures_are_drawn_from_their_sources(source: Path) -> None:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert digest in source.with_suffix(".svg").read_text(encoding="utf-8")[:200]


def test_the_example_of_a_descriptor_works(
    tmp_path: Path, photographs: dict[str, Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    about = tmp_path / "site" / "my_package-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "\n".join(re.findall(r"```toml\n\[project\.entry-points\.(.*?)```", page, re.DOTALL))
        .replace('"memguard.descriptors"]', "[memguard.descriptors]")
        .replace('"', "")
    )
    (tmp_path / "site" / "my_package").mkdir()
    (tmp_path / "site" / "my_package" / "colours.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site")

    (tmp_path / "photos").mkdir()
    for name, image in photographs.items():
        image.save(tmp_path / "photos" / f"{Path(name).stem}.png")
    with simulated_copies_of(1):
        build_index(
            tmp_path / "photos", tmp_path / "i.memguard", weights={"colours": ""}, workers=0
        )
    upside_down = photographs["chelsea.png"].transpose(Image.Transpose.ROTATE_180)
    (verdict,) = Guard(tmp_path / "i.memguard").check(upside_down)
    (match,) = [one for one in verdict.matches if one.uri.endswith("chelsea.png")]
    assert match.distances["colours"] < 1e-3
