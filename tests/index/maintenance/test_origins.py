"""Which references a directory holds: those of a source or a licence, and those with given ids."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.index_files import uri_of

from memguard import ConfigurationError, IndexUnavailableError
from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.origins import digests_of, find_ids_of, require
from memguard.index.maintenance.takedown import find_ids, remove
from memguard.index.origin import Origin


def test_the_references_of_a_folder(built: tuple[Path, BuildSummary], copied: Path) -> None:
    folder = str(Path(uri_of(built, 0)).parent)
    ids = find_ids_of(copied, Origin(source=folder))
    assert len(ids) == len(DirectoryIndex.open(copied))
    assert ids == sorted(ids)
    assert find_ids_of(copied, Origin(source=folder[:-1])) == [], "no part of a name"
    assert find_ids_of(copied, Origin(source=folder, licence="CC0")) == []


def test_one_file_is_a_source(built: tuple[Path, BuildSummary], copied: Path) -> None:
    uri = str(uri_of(built, 3))
    assert find_ids_of(copied, Origin(source=uri)) == find_ids(copied, uri)


def test_removed_references_are_of_no_origin_and_still_known(
    built: tuple[Path, BuildSummary], copied: Path
) -> None:
    (one,) = find_ids(copied, str(uri_of(built, 3)))
    remove(copied, [one])
    assert one not in find_ids_of(copied, Origin(source=str(Path(uri_of(built, 3)).parent)))
    require(copied, [one])


def test_unknown_ids_and_canaries_are_refused(copied: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no image with the id 0000"):
        require(copied, ["0" * 32])
    with pytest.raises(ConfigurationError, match="32 hexadecimal digits"):
        digests_of(["../manifest"])


def test_there_must_be_an_index(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError):
        find_ids_of(tmp_path / "none.memguard", Origin(source="/data"))
    with pytest.raises(IndexUnavailableError):
        require(tmp_path / "none.memguard", [])
