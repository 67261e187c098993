"""Defaults of this machine: the index of ``guard(pipe)``, the operator, the cache folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from platformdirs import user_cache_path

from memguard.errors import ConfigurationError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VARIABLE = "MEMGUARD_INDEX"
OPERATOR_VARIABLE = "MEMGUARD_OPERATOR"
CACHE_VARIABLE = "MEMGUARD_CACHE"


def cache_folder() -> Path:
    """``$MEMGUARD_CACHE``, else the user's cache folder for memguard (``~/.cache/memguard``)."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else user_cache_path("memguard", appauthor=False)


def configured_index() -> str | Path:
    """``$MEMGUARD_INDEX``, else ``index`` in the nearest ``[tool.memguard]``.

    The nearest table is in a ``pyproject.toml`` of the working directory or its parents; paths in
    it are relative to that file.

    Raises:
        ConfigurationError: neither names an index, or a ``pyproject.toml`` cannot be read.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _location(named, Path())
    if configured := _configured("index"):
        return _location(*configured)
    raise ConfigurationError(
        "no index named: add -i training.memguard, in Python "
        f'guard(pipe, index="training.memguard"); or set {VARIABLE}; or write '
        '[tool.memguard] index = "training.memguard" into pyproject.toml'
    )


def operator() -> str | None:
    """Who is responsible for what is checked, for pages: ``$MEMGUARD_OPERATOR``, else ``operator``
    in the nearest ``[tool.memguard]``.

    Raises:
        ConfigurationError: a ``pyproject.toml`` cannot be read.
    """
    named = os.environ.get(OPERATOR_VARIABLE)
    if named:
        return named
    configured = _configured("operator")
    return configured[0] if configured else None


def _configured(name: str) -> tuple[str, Path] | None:
    """A value of the nearest ``[tool.memguard]`` that has it, and the folder of its file."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        project = folder / "pyproject.toml"
        if project.is_file() and (value := _table(project).get(name)) is not None:
            return str(value), folder
    return None


def _location(named: str, folder: Path) -> str | Path:
    """An address unchanged; a path, relative to this folder.

    ``pathlib`` makes one slash of an address's two, so one is enough.
    """
    return named if ":/" in named else folder / named


def _table(project: Path) -> dict[str, object]:
    try:
        tool = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{project} cannot be read: {error}") from error
    table = tool.get("memguard") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else {}
