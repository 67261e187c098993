"""The notebook runs from the first cell to the last, and shows a copy and a new image."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient


@pytest.fixture
def notebook(examples: Path, monkeypatch: pytest.MonkeyPatch) -> nbformat.NotebookNode:
    monkeypatch.setenv("PYTHONPATH", str(examples), prepend=":")
    notebook = nbformat.read(examples / "quickstart.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": Path.cwd()}})
    client.execute()
    return notebook


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_the_notebook_runs(notebook: nbformat.NotebookNode) -> None:
    text = printed(notebook)
    assert "memorized" in text
    assert "cat.png" in text
    assert "\nclear\n" in text
    assert sum("image/png" in str(cell.get("outputs")) for cell in notebook.cells) == 2


def test_the_notebook_is_stored_without_outputs(examples: Path) -> None:
    stored = nbformat.read(examples / "quickstart.ipynb", as_version=4)
    nbformat.validate(stored)
    assert not any(cell.get("outputs") for cell in stored.cells)
