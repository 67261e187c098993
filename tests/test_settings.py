"""Which index a plain ``guard(pipe)`` opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.errors import ConfigurationError
from memguard.settings import (
    CACHE_VARIABLE,
    OPERATOR_VARIABLE,
    VARIABLE,
    cache_folder,
    configured_index,
    operator,
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, two folders below the project's."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


def test_nothing_says_how_to_name_one() -> None:
    with pytest.raises(ConfigurationError, match=r"guard\(pipe, index=.*MEMGUARD_INDEX.*\[tool"):
        configured_index()


def test_the_variable_wins(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, '[tool.memguard]\nindex = "project.memguard"')
    monkeypatch.setenv(VARIABLE, "/elsewhere/x.memguard")
    assert configured_index() == Path("/elsewhere/x.memguard")


def test_a_path_in_the_table_starts_at_its_file(project: Path) -> None:
    write(project, '[tool.memguard]\nindex = "data/größe.memguard"')
    assert configured_index() == project / "data" / "größe.memguard"


def test_an_absolute_path_in_the_table(project: Path) -> None:
    write(project, '[tool.memguard]\nindex = "/data/x.memguard"')
    assert configured_index() == Path("/data/x.memguard")


def test_the_nearest_table_wins_and_files_without_one_are_passed_by(project: Path) -> None:
    write(project, '[tool.memguard]\nindex = "far.memguard"')
    write(project / "a" / "b", "[project]\nname = 'x'")
    assert configured_index() == project / "far.memguard"
    write(project / "a", '[tool.memguard]\nindex = "near.memguard"')
    assert configured_index() == project / "a" / "near.memguard"


@pytest.mark.parametrize("text", ["[tool.memguard", "\x00"])
def test_a_file_that_cannot_be_read(project: Path, text: str) -> None:
    write(project, text)
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml cannot be read: "):
        configured_index()


@pytest.mark.parametrize("text", ["tool = 3", "[tool]\nmemguard = 3", "[tool.memguard]\nx = 1"])
def test_tables_of_another_shape_name_nothing(project: Path, text: str) -> None:
    write(project, text)
    with pytest.raises(ConfigurationError, match="no index named"):
        configured_index()


def test_an_address_is_no_path(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, '[tool.memguard]\nindex = "milvus://host:19530/art"')
    assert configured_index() == "milvus://host:19530/art"
    write(project, '[tool.memguard]\nindex = "milvus:/host:19530/art"')
    assert configured_index() == "milvus:/host:19530/art"  # as pathlib shortens it
    monkeypatch.setenv(VARIABLE, "milvus+tls://other/art")
    assert configured_index() == "milvus+tls://other/art"


def test_the_cache_is_the_users_unless_the_environment_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_folder() == tmp_path / "user" / "memguard"
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_the_operator_is_named_by_the_variable_or_the_table(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(OPERATOR_VARIABLE, raising=False)
    assert operator() is None
    write(project, '[tool.memguard]\noperator = "Trust and safety, Beispiel AG"')
    write(project / "a", '[tool.memguard]\nindex = "near.memguard"')
    assert operator() == "Trust and safety, Beispiel AG", "the nearest table that names one"
    monkeypatch.setenv(OPERATOR_VARIABLE, "A. Person")
    assert operator() == "A. Person"
