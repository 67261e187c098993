"""The key of a cache of figures: it changes with every file on which a figure depends."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import memguard
from benchmarks.common.cache_key import DECIDING, code_key

PACKAGE = Path(memguard.__file__).parent
DECIDES_NOTHING = {
    *("_entry_points", "_optional", "_version", "errors", "files", "notebook", "settings"),
    *("sources", "stages", "threads"),
}
"""Modules that the deciding ones import, and that hand bytes, errors and texts around, or time."""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that has every part, each with one module in a folder of its own."""
    for part in DECIDING:
        file = tmp_path / part if part.endswith(".py") else tmp_path / part / "inner" / "module.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('"""A docstring."""\nLIMIT = 0.25\n')
    return tmp_path


@pytest.mark.parametrize("part", DECIDING)
def test_a_changed_byte_in_any_part_changes_the_key(package: Path, part: str) -> None:
    before = code_key(root=package)
    (file,) = [package / part] if part.endswith(".py") else (package / part).rglob("*.py")
    file.write_text(file.read_text().replace("0.25", "0.26"))
    assert code_key(root=package) != before


def test_a_changed_docstring_changes_the_key_too(package: Path) -> None:
    before = code_key(root=package)
    (package / "verdict.py").write_text('"""Another docstring."""\nLIMIT = 0.25\n')
    assert code_key(root=package) != before


def test_a_data_file_counts(package: Path) -> None:
    before = code_key(root=package)
    (package / "vision" / "constants.npz").write_bytes(b"1")
    assert code_key(root=package) != before


def test_a_renamed_file_changes_the_key(package: Path) -> None:
    before = code_key(root=package)
    (package / "verdict.py").rename(package / "vision" / "verdict.py")
    (package / "verdict.py").write_text("")
    moved = code_key(root=package)
    (package / "vision" / "verdict.py").rename(package / "vision" / "verdicts.py")
    assert len({before, moved, code_key(root=package)}) == 3


def test_other_files_and_compiled_modules_do_not_count(package: Path) -> None:
    before = code_key(root=package)
    (package / "report").mkdir()
    (package / "report" / "page.py").write_text("")
    (package / "vision" / "__pycache__").mkdir()
    (package / "vision" / "__pycache__" / "module.pyc").write_bytes(b"1")
    assert code_key(root=package) == before
    assert code_key("report", root=package) != before


def test_a_missing_part_is_an_error(package: Path) -> None:
    (package / "verdict.py").unlink()
    with pytest.raises(FileNotFoundError, match=r"verdict\.py does not exist"):
        code_key(root=package)


def test_what_the_deciding_parts_import_counts_too() -> None:
    files = [file for part in DECIDING for file in [PACKAGE / part, *(PACKAGE / part).rglob("*")]]
    imported = {
        name
        for file in files
        if file.suffix == ".py"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
        for package, _, name in [node.module.partition(".")]
        if package == "memguard"
    }
    parts = {name.partition(".")[0] for name in imported if name}
    assert parts - {part.removesuffix(".py") for part in DECIDING} <= DECIDES_NOTHING
