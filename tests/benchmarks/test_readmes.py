"""Each folder of benchmarks has a README that a colleague reads in a minute."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import benchmarks

ROOT = Path(benchmarks.__file__).parent
FOLDERS = [
    folder.name
    for folder in sorted(ROOT.iterdir())
    if folder.name not in ("common", "results")
    and folder.is_dir()
    and not folder.name.startswith("_")
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_readme_is_short_and_listed(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 200
    assert f"({folder}/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_commands_of_a_readme_exist(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    modules = re.findall(r"python -m (benchmarks[\w.]*)", text)
    assert modules
    for module in modules:
        spec = find_spec(module)
        assert spec is not None
        assert spec.submodule_search_locations is None or find_spec(f"{module}.__main__")
