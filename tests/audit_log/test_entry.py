"""The schema: documented field by field."""

from __future__ import annotations

import re

import pytest
from fixtures.installed_package import ROOT

from memguard.audit_log import entry

PARTS = {
    "index": entry.LoggedIndex,
    "policy": entry.LoggedPolicy,
    "signals": entry.LoggedSignal,
    "matches": entry.LoggedMatch,
    "trial": entry.LoggedTrial,
    "text_guidance": entry.LoggedGuidance,
}


@pytest.fixture(scope="module")
def documented() -> list[str]:
    """The names in the first column of the page's tables."""
    page = (ROOT / "docs" / "audit-log.md").read_text(encoding="utf-8")
    (fields,) = re.findall(r"(?s)\n## Fields\n(.*?)\n## ", page)
    return re.findall(r"(?m)^\| `([a-z_0-9.]+)` \|", fields)


def test_the_page_has_every_field_once(documented: list[str]) -> None:
    fields = list(entry.Line.__struct_fields__)
    within = [f"{name}.{field}" for name, part in PARTS.items() for field in part.__struct_fields__]
    assert sorted(documented) == sorted(fields + within)


def test_the_page_names_the_version() -> None:
    page = (ROOT / "docs" / "audit-log.md").read_text(encoding="utf-8")
    assert f"Schema {entry.SCHEMA}." in page
