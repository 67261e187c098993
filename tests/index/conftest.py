"""One Milvus server for all tests that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from milvus_server import MilvusServer, milvus_server


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    """A real server that only this test run can reach."""
    with milvus_server(tmp_path_factory.mktemp("milvus")) as server:
        yield server
