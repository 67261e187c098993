"""README's lines of code, and the commands it shares with CI."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def code_with(text: str) -> str:
    (block,) = (b for b in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if text in b)
    return str(block)


def test_the_ten_lines_run_as_they_stand(
    tmp_path: Path, photographs: dict[str, Image.Image]
) -> None:
    (tmp_path / "photos").mkdir()
    for name, image in photographs.items():
        image.save(tmp_path / "photos" / f"{Path(name).stem}.png")
    photographs["chelsea.png"].save(tmp_path / "photos" / "cat.png")
    (tmp_path / "photos" / "chelsea.png").unlink()
    script = tmp_path / "ten_lines.py"
    script.write_text(code_with("build_index("), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said, placeholder = done.stdout.splitlines()
    assert said.startswith("memorized ")
    assert said.endswith("cat.png")
    assert placeholder == "uninformative"


def test_ci_runs_readmes_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    pattern = re.search(r'grep -m1 -E "([^"]+)" README', script)
    assert pattern is not None
    (command,) = re.findall(rf"(?m){pattern[1]}.*$", README)
    assert command.endswith("python -m pytest -n auto")


@pytest.mark.parametrize("name", ["demo", "test", "sscd"])
def test_the_extras_that_readme_names_exist(name: str) -> None:
    assert re.search(rf"(?m)^{name} = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_tables_of_detection_are_the_benchmark_s() -> None:
    results = (ROOT / "benchmarks" / "results" / "detection.md").read_text(encoding="utf-8")
    rows = [line for line in README.splitlines() if line.startswith("| memguard")]
    assert len(rows) == 8
    assert all(row in results.splitlines() for row in rows)
