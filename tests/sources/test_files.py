"""A list of files as a source."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from memguard import ConfigurationError, build_index
from memguard.sources import Source, open_source
from memguard.sources.files import Files


@pytest.fixture
def paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


def test_files_and_folders_each_once_in_the_order_of_their_paths(
    folder: Path, paths: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "z.png").write_bytes(b"x")
    source = open_source([paths[3], str(paths[1]), tmp_path / "more", paths[3]])
    assert isinstance(source, Files)
    assert isinstance(source, Source)
    items = list(source.iterate())
    expected = [paths[1], paths[3], tmp_path / "more" / "z.png"]
    assert [item.uri for item in items] == list(map(str, expected))
    assert source.size() == 3
    assert [item.caption for item in items] == [None, "a caption", None]


def test_it_resumes(paths: list[Path]) -> None:
    items = list(Files(paths).iterate())
    rest = list(Files(paths).iterate(items[9].position))
    assert [item.uri for item in rest if not item.again] == [item.uri for item in items[10:]]


def test_another_list_is_another_source(paths: list[Path]) -> None:
    assert Files(paths).name == Files(reversed(paths)).name
    assert Files(paths).name != Files(paths[1:]).name


def test_a_build_of_a_list_grows_with_it(paths: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "list.memguard"
    options = {"weights": {}, "calibrate": False, "workers": 0}
    assert build_index(paths[:4], output, **options).added == 4
    grown = build_index([*paths[:6], tmp_path / "gone.jpg"], output, **options)
    assert (grown.added, grown.records) == (2, 6)
    assert list(grown.unreadable) == [str(tmp_path / "gone.jpg")]


@pytest.mark.parametrize("wrong", [[Image.new("RGB", (8, 8))], [b"png"], 7, None])
def test_what_is_no_list_of_paths(wrong: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"list of training images holds paths|a list of"):
        build_index(wrong, tmp_path / "x.memguard", weights={})
