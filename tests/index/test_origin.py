"""Sources and licences: exactly those that are named."""

from __future__ import annotations

import pytest

from memguard.index.origin import Origin


@pytest.mark.parametrize(
    ("source", "name", "inside"),
    [
        ("/data/own", "/data/own/a.png", True),
        ("/data/own/", "/data/own/a.png", True),
        ("/data/own", "/data/own2/a.png", False),
        ("/data/own", "/data/own.tar#a.png", False),
        ("/data/own.tar", "/data/own.tar#a.png", True),
        ("hf:own", "hf:own/train#7", True),
        ("https://own.example", "https://own.example/a.png", True),
        ("https://own.example", "https://own.example.evil.org/a.png", False),
        ("/data/own/a.png", "/data/own/a.png", True),
        ("", "/data/own/a.png", False),
        ("/data/own", None, False),
    ],
)
def test_a_source_ends_where_a_name_ends(source: str, name: str | None, inside: bool) -> None:
    assert Origin(source=source).is_place_of(name) is inside


@pytest.mark.parametrize(
    ("licence", "rights", "fits"),
    [
        ("CC0", "licence: CC0", True),
        ("cc0", "© 2020 Jane Doe; licence: CC0; by Jane Doe", True),
        ("© 2020 Jane Doe", "© 2020 Jane Doe; licence: CC0", True),
        ("© 2020 Jane Doe; licence: CC0", "© 2020 Jane Doe; licence: CC0", True),
        ("CC-BY", "licence: CC-BY-NC 4.0", False),
        ("CC0", "not CC0", False),
        ("", "licence: CC0", False),
        ("CC0", None, False),
    ],
)
def test_a_licence_is_meant_whole(licence: str, rights: str | None, fits: bool) -> None:
    assert Origin(licence=licence).is_licence_of(rights) is fits
