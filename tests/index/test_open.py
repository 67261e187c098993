"""Directories and addresses, opened for reading and for changes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from memguard import IndexUnavailableError, open_index
from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.writer import DirectoryWriter
from memguard.index.milvus import collections
from memguard.index.open import directory_of, open_writer


@pytest.mark.parametrize("kind", [str, Path])
def test_a_directory(built: tuple[Path, BuildSummary], kind: type) -> None:
    index = open_index(kind(built[0]))
    assert isinstance(index, DirectoryIndex)
    assert len(index) == 60
    writer = open_writer(kind(built[0]))
    assert isinstance(writer, DirectoryWriter)
    assert writer.specs == index.specs


def test_a_directory_without_an_index(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError, match="there is no index at"):
        open_index(tmp_path / "nothing.memguard")
    with pytest.raises(IndexUnavailableError, match="there is no index at"):
        _ = open_writer(tmp_path / "nothing.memguard").specs


def test_an_address_asks_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collections, "TIMEOUT_SECONDS", 1.0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"milvus://127.0.0.1:{unused.getsockname()[1]}/art"
        for opened in (open_index, open_writer):
            with pytest.raises(IndexUnavailableError, match="does not answer"):
                opened(address)


def test_only_directories_have_files(tmp_path: Path) -> None:
    assert directory_of(str(tmp_path)) == tmp_path
    for address in ("milvus://host/art", Path("milvus+tls://host/art")):
        with pytest.raises(IndexUnavailableError, match="is an address in Milvus"):
            directory_of(address)


def test_an_empty_path_says_so() -> None:
    with pytest.raises(IndexUnavailableError, match="path of the index is empty"):
        open_index("")
