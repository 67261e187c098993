"""A working directory like README's: ``photos/`` and its index, and the examples to import."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.calibrations import simulated_copies_of
from fixtures.installed_package import ROOT
from PIL import Image

from memguard.lifecycle import build_index

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="session")
def photo_index(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder that holds ``photos/`` and ``training.memguard``; only to be read."""
    root = tmp_path_factory.mktemp("examples")
    (root / "photos").mkdir()
    for name in ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"]:
        photographs[name].save(root / "photos" / f"{Path(name).stem}.png")
    (root / "photos" / "chelsea.png").rename(root / "photos" / "cat.png")
    with pytest.MonkeyPatch.context() as patch, simulated_copies_of(1):
        patch.chdir(root)
        build_index("photos", "training.memguard", weights={}, workers=0)
    return root


@pytest.fixture
def examples(photo_index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the examples, which can be imported; the index is in the working directory."""
    monkeypatch.chdir(photo_index)
    monkeypatch.syspath_prepend(EXAMPLES)
    return EXAMPLES
