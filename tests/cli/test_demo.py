"""``memguard models pull``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from fixtures import tiny_models
from fixtures.command_line import invoked
from fixtures.file_server import serving
from typer.testing import CliRunner

from memguard.cli import app
from memguard.descriptors import sscd
from memguard.descriptors.download import RemoteFile
from memguard.files import sha256


def test_models_pull_says_where_the_weights_lie(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"x")
    done = CliRunner().invoke(app, ["models", "pull", "--clip-weights", f"{tmp_path}/weights.pt"])
    assert (done.exit_code, done.output) == (0, f"{tmp_path}/weights.pt\n")


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_pulled_sscd_weights_are_used_without_a_path_and_without_a_network(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small model in place of Meta's, from a server on this machine."""
    file = tmp_path / "tiny.pt"
    torch.jit.script(tiny_models.TinySscd()).save(str(file))
    monkeypatch.setenv("MEMGUARD_CACHE", str(tmp_path / "cache"))
    with serving(file.read_bytes()) as server:
        tiny = RemoteFile(f"{server.address}/sscd.pt", file.stat().st_size, sha256(file))
        monkeypatch.setattr(sscd, "DISC_MIXUP", tiny)
        assert invoked("models", "pull", "sscd").stdout == f"{tmp_path}/cache/weights/sscd.pt\n"
    options = ["--no-clip", "--no-calibrate", "--workers", 0]
    invoked("build", folder, "--sscd", "-o", tmp_path / "x", *options)
    (spec,) = (
        spec
        for spec in json.loads(invoked("info", tmp_path / "x", "--json").stdout)["descriptors"]
        if spec["name"] == "sscd"
    )
    assert (spec["weights"], spec["weights_sha256"]) == ("pulled", tiny.sha256)
    checked = invoked("check", folder / "0003.jpg", "-i", tmp_path / "x", "--json")
    assert json.loads(checked.stdout)[0]["label"] == "memorized"
