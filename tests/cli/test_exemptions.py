"""``memguard allow``, ``disallow`` and ``quarantine``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures.command_line import invoked
from fixtures.series_index import copied, id_of, right_eye
from PIL import Image

from memguard import ConfigurationError, read_exemptions


@pytest.fixture
def own(series: Path, tmp_path: Path) -> Path:
    return copied(series, tmp_path)


@pytest.fixture
def left(photographs: dict[str, Image.Image], tmp_path: Path) -> Path:
    """The left eye as somebody else stored it."""
    photographs["motorcycle_left.png"].save(tmp_path / "left.jpg", quality=80)
    return tmp_path / "left.jpg"


def test_the_way_of_a_licence(
    own: Path, series: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    """Allowed, seen in check, explain, info and the list, and disallowed again."""
    query = tmp_path / "query.png"
    photographs["coffee.png"].save(query)
    assert invoked("check", query, "-i", own).exit_code == 3
    uri = series.parent / "others" / "coffee.png"
    said = invoked("allow", own, "--uri", uri, "--why", "contract [12]", "--who", "anna").stdout
    assert "1 reference allowed. Running guards see it when they reload" in said
    checked = invoked("check", query, "-i", own)
    assert (checked.exit_code, checked.stdout.split()[0]) == (0, "clear")
    assert "coffee.png would block it, but is allowed" in checked.stdout
    explained = invoked("explain", query, own, "-o", tmp_path / "x.png").stdout
    assert f"does not count, as it is allowed: {uri}" in explained
    assert "1 allowed, 0 quarantined: these do not block" in invoked("info", own).stdout
    listed = invoked("allow", own, "--list").stdout
    assert "1 reference allowed" in listed
    assert f"{id_of(series, 'others/coffee.png')} {uri}" in listed
    assert f'anna: 1 reference allowed, 1 still. --uri {uri} "contract [12]"' in listed
    said = invoked("disallow", own, "--uri", uri).stdout
    assert "1 reference no longer allowed" in said
    assert invoked("check", query, "-i", own).exit_code == 3
    listed = json.loads(invoked("allow", own, "--list", "--json").stdout)
    assert listed["ids"] == []
    assert [change["action"] for change in listed["history"]] == ["allow", "disallow"]


def test_like_means_one_reference(own: Path, series: Path, left: Path, tmp_path: Path) -> None:
    done = invoked("allow", own, "--like", left)
    assert done.exit_code == 1
    assert "Allow 1 reference?" in done.stderr
    assert read_exemptions(own).history == ()
    noted = json.loads(invoked("allow", own, "--like", left, "--yes", "--json").stdout)
    assert noted["ids"] == [id_of(series, "own/left.png")]
    assert noted["chosen"] == f"--like {left}"
    right_eye().save(tmp_path / "right.png")
    assert invoked("check", left, "-i", own).exit_code == 3  # the right eye's copy, too
    assert invoked("check", tmp_path / "right.png", "-i", own).exit_code == 3


def test_source_and_licence(own: Path, series: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(series.parent)
    said = invoked("allow", own, "--source", "own", "--yes").stdout
    assert "2 references allowed" in said
    invoked("disallow", own, "--licence", "CC0")
    (change, _) = read_exemptions(own).history
    assert len(change.ids) == 2
    assert set(read_exemptions(own).allowed) == {id_of(series, "own/cat.png")}


def test_quarantine_and_its_end(own: Path, series: Path) -> None:
    one = id_of(series, "others/coffee.png")
    assert "1 reference quarantined" in invoked("quarantine", own, one, "--why", "broken").stdout
    assert "1 reference quarantined" in invoked("quarantine", own, "--list").stdout
    assert "released from quarantine" in invoked("quarantine", own, one, "--undo").stdout
    assert "0 references quarantined" in invoked("quarantine", own, "--list").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["allow"], "name references by --id, --uri, --licence, --source or --like"),
        (["allow", "--uri", "/x.png"], r"holds no image of /x\.png"),
        (["allow", "--licence", "CC"], "holds no image of --licence CC"),
        (["disallow", "--id", "0" * 32], "none of these references is allowed"),
        (["quarantine"], "name at least one reference to quarantine"),
        (["quarantine", "7"], "an id is 32 hexadecimal digits"),
    ],
)
def test_errors_say_what_to_do(series: Path, arguments: list[str], message: str) -> None:
    command, *options = arguments
    with pytest.raises(ConfigurationError, match=message):
        invoked(command, series, *options)
    assert read_exemptions(series).history == ()


def test_an_image_that_shows_nothing_whole(
    own: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    photographs["rocket.jpg"].save(tmp_path / "novel.png")
    with pytest.raises(ConfigurationError, match=r"novel\.png shows no training image whole"):
        invoked("allow", own, "--like", tmp_path / "novel.png")
