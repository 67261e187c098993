"""``kill -9`` at every step of a build: the old index or none, and a resumed build is whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.comparisons import opened
from fixtures.picture_files import STRIP, write_cuts
from PIL import Image

from memguard.errors import IndexUnavailableError
from memguard.lifecycle import build_index

KILLING = Path(__file__).parents[1] / "fixtures" / "killed_processes.py"


def kill_builds(*arguments: Path) -> None:
    subprocess.run([sys.executable, KILLING, *arguments], check=True, timeout=200)


@pytest.fixture
def images(photographs: dict[str, Image.Image], tmp_path: Path) -> Path:
    paths = write_cuts(photographs, tmp_path / "images", 9, STRIP)
    (tmp_path / "images" / "copy.jpg").write_bytes(paths[0].read_bytes())
    (tmp_path / "images" / "broken.jpg").write_bytes(paths[1].read_bytes()[:300])
    return tmp_path / "images"


def test_a_first_build(images: Path, tmp_path: Path) -> None:
    whole, target = tmp_path / "whole.memguard", tmp_path / "killed"
    build_index(images, whole, weights={}, calibrate=False, workers=0)
    target.mkdir()
    kill_builds(images, target)
    builds = sorted(target.iterdir())
    assert len([path for path in builds if path.name.startswith("step-")]) > 12
    expected, unfinished = opened(whole), 0
    for killed in builds:
        try:
            held = opened(killed)
        except IndexUnavailableError as error:
            held = None
            unfinished += "unfinished" in str(error)
        assert held in (None, expected), killed
        build_index(images, killed, weights={}, calibrate=False, workers=0)
        assert opened(killed) == expected, killed
        assert {path.name for path in killed.iterdir()} == {path.name for path in whole.iterdir()}
        assert len(list((killed / "ann").iterdir())) == 4
    assert unfinished > 8


def test_a_growing_build(images: Path, photographs: dict[str, Image.Image], tmp_path: Path) -> None:
    base, whole, target = (tmp_path / name for name in ("base", "whole", "killed"))
    build_index(images, base, weights={}, calibrate=False, workers=0)
    for known in write_cuts(photographs, images / "more", 14, STRIP)[:9]:
        known.unlink()
    (images / "more" / "broken.png").touch()
    build_index(images, whole, weights={}, calibrate=False, workers=0)
    target.mkdir()
    kill_builds(images, target, base)
    old, new = opened(base), opened(whole)
    assert len(old["records"]) == 9
    assert len(new["records"]) == 14
    kept = 0
    for killed in sorted(target.iterdir()):
        held = opened(killed)
        assert held in (old, new), killed
        kept += held == old
        build_index(images, killed, weights={}, calibrate=False, workers=0)
        assert opened(killed) == new, killed
        assert len(list((killed / "ann").iterdir())) == 4
    assert kept > 8
