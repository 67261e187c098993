"""Importing memguard is light, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import memguard

HEAVY = ["torch", "faiss", "lance", "open_clip", "pyarrow", "numpy", "PIL", "cv2", "loky", "rich"]


def test_import_loads_nothing_heavy() -> None:
    code = f"import memguard, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_guard_loads_neither_a_model_nor_the_build() -> None:
    unneeded = ["torch", "loky", "rich", "memguard.index.ingest", "memguard.index.maintenance"]
    code = (
        "import sys; from memguard import Guard; "
        f"print([name for name in {unneeded} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_command_loads_only_what_it_runs() -> None:
    unneeded = ["scipy", "jinja2", "lance", "cv2", "memguard.report", "memguard.index.local"]
    code = (
        "import sys; from memguard.cli import app; "
        f"print([name for name in {unneeded} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_resolves() -> None:
    for name in memguard.__all__:
        assert getattr(memguard, name) is not None
    assert set(dir(memguard)) == set(memguard.__all__)
    assert memguard.guard.__module__ == "memguard.pipelines.guard"
    assert issubclass(memguard.WeightsError, memguard.MemguardError)


def test_other_names_do_not() -> None:
    with pytest.raises(AttributeError, match=r"memguard.* attribute.* '?nonesuch"):
        memguard.nonesuch  # noqa: B018
