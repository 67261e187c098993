"""Classes of installed packages: which there are, and what does not fit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fixtures.installed_packages import install

from memguard._entry_points import offered, offered_class
from memguard.errors import ConfigurationError

GROUP = "memguard.tests"
CODE = """
class Whole:
    size = 1

class Lacking:
    pass

nothing = 3
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_nothing_is_imported_before_it_is_needed(site: Path) -> None:
    install(site, "lazy_one", CODE, GROUP, b="Whole", a="Lacking")
    offers = offered(GROUP, ["c"])
    assert list(offers) == ["a", "b"]
    assert "lazy_one" not in sys.modules
    assert offered_class(offers["b"], ["size"]).size == 1


def test_a_name_of_memguards_own(site: Path) -> None:
    install(site, "taker", CODE, GROUP, own="Whole")
    with pytest.raises(ConfigurationError, match="the package taker and memguard both offer 'own'"):
        offered(GROUP, ["own"])


def test_a_name_of_two_packages(site: Path) -> None:
    install(site, "first_package", CODE, GROUP, same="Whole")
    install(site, "second_package", CODE, GROUP, same="Whole")
    with pytest.raises(ConfigurationError, match=r"_package and the package .*_package both offer"):
        offered(GROUP, [])


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("Lacking", r"Lacking lacks size: upgrade or uninstall it"),
        ("nothing", r"nothing is not a class: upgrade or uninstall it"),
        ("absent", r"absent of the package misfit cannot be imported .*: upgrade or uninstall it"),
    ],
)
def test_what_does_not_fit(site: Path, attribute: str, message: str) -> None:
    install(site, "misfit", CODE, GROUP, offer=attribute)
    with pytest.raises(ConfigurationError, match=message):
        offered_class(offered(GROUP, [])["offer"], ["size"])


def test_a_package_that_breaks_on_import(site: Path) -> None:
    install(site, "breaking", "raise OSError('no disk')", GROUP, offer="Whole")
    with pytest.raises(ConfigurationError, match=r"cannot be imported \(no disk\): upgrade"):
        offered_class(offered(GROUP, [])["offer"], [])
