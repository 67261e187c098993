"""Addresses of indexes in Milvus."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.errors import ConfigurationError
from memguard.index.milvus.address import TOKEN_VARIABLE, MilvusAddress, in_milvus


@pytest.fixture(autouse=True)
def _no_token(monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("text", "server", "prefix", "token"),
    [
        ("milvus://localhost:19530/art", "http://localhost:19530", "art", ""),
        ("milvus://10.0.0.1/art_2", "http://10.0.0.1:19530", "art_2", ""),
        ("milvus+tls://host:443/art/", "https://host:443", "art", ""),
        ("milvus://root:p%40ss@host/art", "http://host:19530", "art", "root:p@ss"),
        ("milvus://key@host/art", "http://host:19530", "art", "key"),
        ("milvus://[::1]:1/art", "http://[::1]:1", "art", ""),
    ],
)
def test_addresses(text, server, prefix, token):
    address = MilvusAddress.parse(text)
    assert (address.server, address.prefix, address.token) == (server, prefix, token)


def test_a_path_that_pathlib_has_normalised_is_still_an_address():
    path = Path("milvus://localhost:19530/art")
    assert in_milvus(path)
    assert str(MilvusAddress.parse(path)) == "milvus://localhost:19530/art"


@pytest.mark.parametrize("text", ["training.memguard", "/a/milvus", Path("milvus/x"), "http://h/p"])
def test_directories_are_no_addresses(text):
    assert not in_milvus(text)


@pytest.mark.parametrize(
    "text",
    [
        "milvus://host",
        "milvus:///art",
        "milvus://host/2art",
        "milvus://host/a-b",
        "milvus://host/a/b",
        "milvus://host:port/art",
        "milvus://host/art?x=1",
        "http://host/art",
    ],
)
def test_what_is_no_address_is_refused_and_told_the_form(text):
    with pytest.raises(ConfigurationError, match=r"milvus://\[USER:PASSWORD@\]HOST"):
        MilvusAddress.parse(text)


def test_the_token_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "root:Milvus")
    assert MilvusAddress.parse("milvus://host/art").token == "root:Milvus"
    assert MilvusAddress.parse("milvus://key@host/art").token == "key"


def test_the_token_is_never_printed():
    address = MilvusAddress.parse("milvus+tls://root:secret@host/art")
    assert str(address) == "milvus+tls://host:19530/art"
    assert "secret" not in repr(address)
    with pytest.raises(ConfigurationError) as refused:
        MilvusAddress.parse("milvus://root:secret@host/no prefix")
    assert "secret" not in str(refused.value)
