"""``memguard serve``, started as its users do, and ``memguard keys``."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fixtures.command_line import MEMGUARD, assert_one_line_error, exited, invoked
from fixtures.running_service import SECONDS, files, labels, png
from PIL import Image


@contextlib.contextmanager
def serving(*arguments: object) -> Iterator[tuple[httpx2.Client, subprocess.Popen[str]]]:
    with subprocess.Popen(
        [*MEMGUARD, "serve", *map(str, arguments), "--port", "0"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        said = ""
        while not (place := re.search(r"running on (\S+)", said)):
            line = server.stderr.readline()
            assert line, said
            said += line
        threading.Thread(target=server.stderr.read, daemon=True).start()
        with httpx2.Client(base_url=place[1], timeout=SECONDS) as client:
            yield client, server
        server.terminate()


def test_it_serves_and_ends_when_told(
    photograph_index: Path, cat: Image.Image, tmp_path: Path
) -> None:
    key = invoked("keys", "add", tmp_path / "keys.json", "me").stdout.strip()
    log = tmp_path / "audit.jsonl"
    with serving(photograph_index, "--keys", tmp_path / "keys.json", "--audit-log", log) as (
        client,
        server,
    ):
        sent = files(("cat.png", png(cat)))
        assert client.post("/v1/check", files=sent).status_code == 401
        headers = {"Authorization": f"Bearer {key}"}
        assert labels(client.post("/v1/check", files=sent, headers=headers)) == ["memorized"]
        assert client.get("/readyz").status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(SECONDS) == 0 or server.returncode == -signal.SIGTERM
    assert '"memorized"' in log.read_text(encoding="utf-8")


def test_other_machines_need_keys(photograph_index: Path) -> None:
    done = exited("serve", photograph_index, "--host", "0.0.0.0")
    assert_one_line_error(done, "name who may ask, with --keys FILE")


def test_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    added = invoked("keys", "add", file, "operator", "--admin")
    assert re.fullmatch(r"mg_[\w-]{43}", added.stdout.strip())
    assert "cannot be shown again" in added.stderr
    assert invoked("keys", "list", file).stdout.startswith("operator  admin  20")
    assert invoked("keys", "remove", file, "operator").exit_code == 0
    assert invoked("keys", "list", file).stdout == ""
    assert_one_line_error(exited("keys", "remove", file, "operator"), "no key named 'operator'")


def test_a_missing_package_is_named(
    photograph_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    done = exited("serve", photograph_index)
    assert_one_line_error(done, "pip install 'memguard[service]'")
