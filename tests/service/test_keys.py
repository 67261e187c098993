"""API keys: only hashes are stored, and the file may change at any time."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from memguard import ConfigurationError
from memguard.service.keys import PREFIX, Keys


def test_a_key_is_found_by_its_text_only(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    text = keys.add("checker", "check")
    assert text.startswith(PREFIX)
    found = keys.find(text)
    assert found is not None
    assert (found.name, found.role) == ("checker", "check")
    assert keys.find(text[:-1]) is None
    assert keys.find(found.sha256) is None
    stored = keys.path.read_text(encoding="utf-8")
    assert text not in stored
    assert hashlib.sha256(text.encode()).hexdigest() in stored
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600


def test_an_admin_has_every_role(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    keys.add("checker", "check")
    keys.add("operator", "admin")
    checker, operator = keys.all()
    assert (checker.may("check"), checker.may("admin")) == (True, False)
    assert (operator.may("check"), operator.may("admin")) == (True, True)


def test_another_process_changes_the_file(tmp_path: Path) -> None:
    here, there = Keys(tmp_path / "keys.json"), Keys(tmp_path / "keys.json")
    first = there.add("first", "check")
    assert here.find(first) is not None
    second = there.add("second", "check")
    there.remove("first")
    assert here.find(first) is None
    assert here.find(second) is not None


def test_names_are_unique(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    keys.add("checker", "check")
    with pytest.raises(ConfigurationError, match="remove it first"):
        keys.add("checker", "admin")
    with pytest.raises(ConfigurationError, match="no key named 'nobody'"):
        keys.remove("nobody")


@pytest.mark.parametrize("text", ["", "{}", '[{"name": "x"}]', "no JSON", '[{"extra": 1}]'])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"keys\.json is no file of API keys"):
        Keys(tmp_path / "keys.json")
