"""What is installed is what the checkout holds, and what processes of tests import."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fixtures.installed_package import ROOT

import memguard


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_started_processes_import_the_same_memguard() -> None:
    code = "import memguard; print(memguard.__file__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == memguard.__file__


def test_the_working_directory_is_not_the_checkout() -> None:
    assert not Path("memguard").exists()


def test_the_wheel_holds_every_file_of_the_package(wheel_names: set[str]) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "memguard").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    packaged = {name for name in wheel_names if ".dist-info/" not in name}
    assert packaged == files


@pytest.mark.parametrize(
    "name", ["py.typed", "vision/local_features.npz", "report/calibration.html.j2"]
)
def test_the_wheel_holds_data(wheel_names: set[str], name: str) -> None:
    assert f"memguard/{name}" in wheel_names
