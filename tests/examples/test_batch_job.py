"""The batch job sorts its images by label and says by its exit status what it found."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard import Verdict

Run = Callable[[Path, Path], object]
"""Prompts and the output's folder to the exit status."""


@pytest.fixture
def run(examples: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def exit_status(prompts: Path, output: Path) -> object:
        script = str(examples / "batch_job.py")
        monkeypatch.setattr(sys, "argv", [script, str(prompts), str(output)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(script, run_name="__main__")
        return ended.value.code

    return exit_status


def test_copies_lie_apart(run: Run, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a cat\na fractal\n", encoding="utf-8")
    assert run(tmp_path / "prompts.txt", tmp_path / "out") == 3
    images = {str(path.relative_to(tmp_path / "out")) for path in tmp_path.glob("out/*/*.png")}
    assert images == {"memorized/000000-0.png", "clear/000001-0.png"}
    lines = (tmp_path / "out" / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["prompt"] for line in lines] == ["a cat", "a fractal"]
    verdict = Verdict.from_json(json.loads(lines[0])["verdict"])
    assert verdict.matches[0].uri.endswith("cat.png")


def test_nothing_memorized_is_status_0(run: Run, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a fractal\n", encoding="utf-8")
    assert run(tmp_path / "prompts.txt", tmp_path / "out") == 0
