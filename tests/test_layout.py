"""What the import contracts in pyproject.toml do not see: circles through a package's own file."""

from __future__ import annotations

import grimp
import networkx


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
