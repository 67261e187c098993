"""User code under mypy and pyright, both strict: ``user_code/``, the examples, code of the docs.

Expected are errors in the lines that end in ``# error``, and no others.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.installed_package import ROOT

import memguard

Errors = dict[tuple[str, int], str]
"""File name and line: message."""

SITE = Path(memguard.__file__).parents[1]
"""Where memguard was imported from, for type checkers that do not read PYTHONPATH."""

MYPY = """
[mypy]
strict = True
follow_imports = silent
ignore_missing_imports = True
[mypy-torch.*,gradio.*,openai.*]
follow_imports = skip
"""

PAGES = [ROOT / page for page in ("README.md", "docs/architecture.md", "docs/ways-in.md")]

PRELUDE = """
from memguard import guard
class Pipeline:
    def __call__(self, prompt: str) -> object: ...
pipe = Pipeline()
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pages")
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL)):
            if "from diffusers" in code:  # which declares no types
                continue
            prelude = "" if "import" in code else PRELUDE
            name = f"{page.stem.lower().replace('-', '_')}_{number}.py"
            (folder / name).write_text(prelude + code, encoding="utf-8")
    folders = [folder, ROOT / "examples", Path(__file__).parent / "user_code"]
    return sorted(file for folder in folders for file in folder.glob("*.py"))


def expected_errors(files: list[Path]) -> set[tuple[str, int]]:
    return {
        (file.name, number)
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if line.endswith("# error")
    }


def test_mypy_agrees(files: list[Path], tmp_path: Path) -> None:
    paths = [ROOT / "examples", *([SITE] if SITE == ROOT else [])]
    (tmp_path / "mypy.ini").write_text(MYPY, encoding="utf-8")
    options = ["--config-file", str(tmp_path / "mypy.ini"), "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *map(str, files)],
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    lines = re.findall(r"(?m)^(.+?):(\d+): error: (.+)$", done.stdout)
    errors: Errors = {(Path(name).name, int(number)): text for name, number, text in lines}
    assert set(errors) == expected_errors(files), errors


def test_pyright_agrees(files: list[Path], tmp_path: Path) -> None:
    settings = {
        "include": [str(file) for file in files],
        "typeCheckingMode": "strict",
        "extraPaths": [str(SITE), str(ROOT / "examples")],
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    project = ["--project", str(tmp_path), "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(
        [sys.executable, "-m", "basedpyright", *project],
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(files)
    errors: Errors = {
        (Path(found["file"]).name, found["range"]["start"]["line"] + 1): found["message"]
        for found in report["generalDiagnostics"]
    }
    assert set(errors) == expected_errors(files), errors
