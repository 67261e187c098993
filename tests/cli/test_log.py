"""``memguard log``: what is shown of a log that guards have written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fixtures.command_line import assert_one_line_error, exited, invoked
from PIL import Image

from memguard import AuditLog, Guard, guard, request_key


@pytest.fixture(scope="module")
def written(
    photograph_index: Path, photographs: dict[str, Image.Image], tmp_path_factory: Any
) -> Path:
    """A log of two guards: three images, one a copy that was blocked, one that would have been."""
    path = tmp_path_factory.mktemp("log") / "audit [1].jsonl"
    cat, rocket = photographs["chelsea.png"], photographs["rocket.jpg"]
    with request_key("order [7]\x1b[2J"):
        guard(lambda: [rocket, cat], photograph_index, audit_log=path)()
    guard(lambda: [cat], photograph_index, policy="shadow", audit_log=path)()
    return path


def test_it_sums_up_by_day(written: Path) -> None:
    done = invoked("log", written)
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert lines[0][-1] == "[1].jsonl"
    (found,) = [row for row in lines if row[:3] == ["day", "(UTC)", "checks"]]
    assert found[3:5] == ["clear", "memorized"]
    rows = [row for row in lines if row[0].startswith("20")]
    assert rows[0][1:4] == ["3", "1", "2"]
    assert rows[1][1:] == ["2", "1", "1"], "shown, blocked, would not be shown"
    (day,) = json.loads(invoked("log", written, "--json").stdout).values()
    assert (day["checks"], day["failures"]) == (3, 0)
    assert day["would"] == {"blocked": 1}


def test_it_shows_lines(written: Path) -> None:
    first, second, third = invoked("log", written, "--lines").stdout.splitlines()
    assert "clear" in first
    assert r"order [7]\x1b[2J (1 of 2)" in first, "control characters are written out"
    assert "memorized     blocked " in second
    assert second.endswith("(2 of 2): chelsea.png")
    assert "shown (would: blocked)" in third
    newest = invoked("log", written, "--lines", "-n", 1)
    assert newest.stdout.splitlines() == [third]
    assert "the newest 1 of 3 lines" in newest.stderr
    assert len(json.loads(invoked("log", written, "--lines", "--json").stdout)) == 3


def test_a_picture_finds_its_checks(
    written: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    photographs["chelsea.png"].save(tmp_path / "complaint.png")
    found = invoked("log", written, "--lines", "--json", "--image", tmp_path / "complaint.png")
    lines = json.loads(found.stdout)
    assert [line["label"] for line in lines] == ["memorized"] * 2
    same = invoked("log", written, "--image", lines[0]["image_sha256"], "--json", "--lines")
    assert json.loads(same.stdout) == lines
    none = invoked("log", written, "--since", "2001-01-01", "--until", "2001-01-02")
    assert none.stdout.endswith("holds no line like that\n")


def test_wrong_words_are_errors(written: Path) -> None:
    done = exited("log", written, "--label", "fine")
    assert_one_line_error(done, "--label is one of clear, similar, memorized")
    assert_one_line_error(exited("log", "verify", "gone.jsonl"), "there is no audit log at")


def test_verify_finds_a_changed_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path, key=b"secret")
    log.append([{"label": "memorized"}, {"label": "clear"}])
    monkeypatch.setenv("MEMGUARD_LOG_KEY", "secret")
    whole = invoked("log", "verify", path)
    assert whole.exit_code == 0
    assert "2 lines in 1 file, whole" in whole.stdout
    anchor = whole.stdout.split()[-1]
    assert anchor.startswith("2:")
    assert invoked("log", "verify", path, "--anchor", anchor).exit_code == 0
    assert invoked("log", "verify", path, "--anchor", f"2:{'0' * 64}").exit_code == 4
    path.write_bytes(path.read_bytes().replace(b"memorized", b"clear"))
    done = invoked("log", "verify", path)
    assert done.exit_code == 4
    assert "changed  audit.jsonl:1: line 1 does not fit its seal" in done.stdout
    assert "2 lines in 1 file, not whole" in done.stdout
    (finding,) = json.loads(invoked("log", "verify", path, "--json").stdout)["findings"]
    assert finding["kind"] == "changed"
    monkeypatch.delenv("MEMGUARD_LOG_KEY")
    assert invoked("log", "verify", path).exit_code == 4


def test_checks_of_the_guard_are_summed_up(written: Path, photograph_index: Path) -> None:
    path = written.with_name("direct.jsonl")
    Guard(photograph_index, audit_log=path).check(Image.new("RGB", (64, 64)))
    (day,) = json.loads(invoked("log", path, "--json").stdout).values()
    assert day["labels"] == {"uninformative": 1}
    assert day["actions"] == {"returned": 1}
