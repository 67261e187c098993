"""The command line on an index in Milvus."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from memguard.cli import app
from memguard.errors import IndexUnavailableError
from memguard.index.open import open_index
from memguard.settings import VARIABLE


def memguard(*arguments, status=0):
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == status, (done.output, done.exception)
    return done.stdout


def test_push_check_add_and_remove(built, milvus, photographs, tmp_path, monkeypatch):
    address = milvus.uri("commands")
    said = memguard("push", built[0], address)
    assert said.startswith(f"{address}: 60 images. 63 records written, 0 removed, ")
    assert json.loads(memguard("push", built[0], address, "--json"))["written"] == 0

    (tmp_path / "more").mkdir()
    rocket = tmp_path / "more" / "rocket.png"
    photographs["rocket.jpg"].save(rocket)
    memguard("add", address, tmp_path / "more", "--no-calibrate", "--workers", 0)
    monkeypatch.setenv(VARIABLE, address)
    (verdict,) = json.loads(memguard("check", rocket, "--json", status=3))
    assert verdict["label"] == "memorized"
    assert verdict["matches"][0]["uri"] == str(rocket)
    assert len(open_index(address)) == 61

    assert "1 image removed" in memguard("remove", address, "--uri", rocket)
    (verdict,) = json.loads(memguard("check", rocket, "--json"))
    assert verdict["label"] == "clear"
    assert len(open_index(address)) == 60
    image = tmp_path / "copy.png"
    known = open_index(address)
    (record,) = known.take(known.sample(1, np.random.default_rng(0)))
    record.image().save(image)
    assert " images removed" in memguard("remove", address, "--like", image, "--yes")
    assert open_index(address).find(record.id) is None


@pytest.mark.parametrize("command", ["compact", "verify", "duplicates", "info"])
def test_what_only_directories_can(command, milvus):
    done = CliRunner().invoke(app, [command, milvus.uri("commands")])
    assert isinstance(done.exception, IndexUnavailableError)
    assert "is an address in Milvus; this needs an index in a directory" in str(done.exception)
