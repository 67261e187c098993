"""Docstrings for the site: Sphinx roles become code, and grouped parameters a row each."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod|term):`~?([^`]+)`")

GROUP = re.compile(
    r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+): (?P<text>.*(?:\n(?P=indent) +.*)*)", re.M
)
"""``a, b: text`` in a section of a docstring, with its continuation lines."""


def one_each(group: re.Match[str]) -> str:
    """A line for each name of a group."""
    indent, names, text = group["indent"], group["names"], group["text"]
    return "\n".join(f"{indent}{name}: {text}" for name in names.split(", "))


class DocstringRoles(griffe.Extension):
    """Rewrites the docstring of every object that is loaded."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = GROUP.sub(one_each, ROLE.sub(r"`\1`", obj.docstring.value))
