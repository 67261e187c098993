"""The command line and Python offer the same, under the same names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import typer

import memguard
from memguard.cli import app

CALLS: dict[str, Callable[..., Any]] = {
    "build": memguard.build_index,
    "add": memguard.add_images,
    "calibrate": memguard.calibrate_index,
    "compact": memguard.compact_index,
    "verify": memguard.verify_index,
    "merge": memguard.merge_indexes,
    "push": memguard.push_index,
    "report": memguard.report_index,
    "explain": memguard.explain_images,
    "info": memguard.summarize_index,
    "audit": memguard.audit,
}

TERMINAL = {"as_json", "option", "clip", "clip_weights", "no_clip", "sscd", "sscd_weights"}
"""Options for files, terminals, and weights by name, which Python takes as values."""

ONLY_HERE: dict[str, set[str]] = {
    "calibrate": {"pipeline", "column", "setting", "device", "dtype"},
    "explain": {"output"},
    "audit": {
        *("pipeline", "column", "captions", "unconditional", "setting", "guarded", "device"),
        "dtype",
    },
}
"""What Python is handed, or saves itself."""


@pytest.mark.parametrize("name", CALLS)
def test_options_are_parameters(name: str) -> None:
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    options = {str(one.name) for one in command.params} - TERMINAL - ONLY_HERE.get(name, set())
    assert options - set(inspect.signature(CALLS[name]).parameters) == set()


def test_what_commands_do_is_public() -> None:
    functions = ("remove_images", "readmit_images", "find_copied", "most_repeated", "guard")
    for name in (*functions, *(call.__name__ for call in CALLS.values())):
        assert name in memguard.__all__
