"""The example package: installed by pip, found by its entry points, its own tests pass."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from fixtures.installed_package import ROOT

PLUGIN = ROOT / "examples" / "plugin"


def test_it_installs_and_its_tests_pass(tmp_path: Path) -> None:
    copied = shutil.copytree(PLUGIN, tmp_path / "plugin")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    install += ["--no-index", "--quiet", "--target", str(tmp_path / "site"), str(copied)]
    subprocess.run(install, check=True, capture_output=True)
    shutil.rmtree(copied / "memguard_example")
    paths = [str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(copied)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_its_descriptor_is_that_of_the_architecture_page() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert (PLUGIN / "memguard_example" / "colours.py").read_text(encoding="utf-8") == code
