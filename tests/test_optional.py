"""A missing extra becomes a sentence; other import errors pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memguard._optional import require
from memguard.errors import ConfigurationError


def test_an_installed_module() -> None:
    assert require("json", extra="x") is json
    assert require("json.decoder", extra="x") is json.decoder


@pytest.mark.parametrize("module", ["memguard_nonesuch", "memguard_nonesuch.part"])
def test_a_missing_module_names_its_extra(module: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{module}, .* pip install 'memguard\[sscd\]'"):
        require(module, extra="sscd")


def test_a_broken_module_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memguard_broken.py").write_text("import memguard_nonesuch")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="memguard_nonesuch"):
        require("memguard_broken", extra="sscd")
