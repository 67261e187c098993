"""``memguard models pull`` and ``memguard version``."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from memguard.cli import app


def test_models_pull_says_where_the_weights_lie(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"x")
    done = CliRunner().invoke(app, ["models", "pull", "--clip-weights", f"{tmp_path}/weights.pt"])
    assert (done.exit_code, done.output) == (0, f"{tmp_path}/weights.pt\n")
