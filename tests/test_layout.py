"""The layout: what import contracts do not see, and a test file for each module."""

from __future__ import annotations

import grimp
import networkx
from fixtures.installed_package import ROOT

UNTESTED_ALONE = {"__init__", "__main__", "_version", "defaults", "signal_type", "vectors"}
"""Modules of constants and types, without behaviour."""


def import_graph() -> networkx.DiGraph:
    """An edge from each module to each that it imports, anywhere in the file."""
    graph = grimp.build_graph("memguard", "benchmarks", cache_dir=None)
    return networkx.DiGraph(
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )


def test_no_circle_of_modules() -> None:
    assert list(networkx.simple_cycles(import_graph())) == []


def test_no_module_imports_the_public_names() -> None:
    importers = import_graph().predecessors("memguard")
    assert [module for module in importers if module.startswith("memguard")] == []


def test_every_module_has_a_test_file_of_its_name() -> None:
    package = ROOT / "memguard"
    expected = {
        (module.relative_to(package).parent / f"test_{module.stem.lstrip('_')}.py").as_posix()
        for module in package.rglob("*.py")
        if module.stem not in UNTESTED_ALONE
    }
    tests = {path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("*.py")}
    assert expected - tests == set()
