"""The batch job sorts its images by label and says by its exit status what it found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from memguard import Verdict


def run(examples: Path, prompts: Path, output: Path) -> int:
    script = [sys.executable, str(examples / "batch_job.py"), str(prompts), str(output)]
    return subprocess.run(script, check=False).returncode


def test_copies_lie_apart(examples: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a cat\na fractal\n", encoding="utf-8")
    assert run(examples, tmp_path / "prompts.txt", tmp_path / "out") == 3
    images = {str(path.relative_to(tmp_path / "out")) for path in tmp_path.glob("out/*/*.png")}
    assert images == {"memorized/000000-0.png", "clear/000001-0.png"}
    lines = (tmp_path / "out" / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["prompt"] for line in lines] == ["a cat", "a fractal"]
    verdict = Verdict.from_json(json.loads(lines[0])["verdict"])
    assert verdict.matches[0].uri.endswith("cat.png")


def test_nothing_memorized_is_status_0(examples: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a fractal\n", encoding="utf-8")
    assert run(examples, tmp_path / "prompts.txt", tmp_path / "out") == 0
