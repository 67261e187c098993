"""The chain: seals by hand, as another program would compute them."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from memguard.audit_log.chain import START, chained, opened, seal_in, sealed


def test_a_seal_is_the_sha256_of_the_line_without_it() -> None:
    body = '{"a":1,"b":"ä"}'.encode()
    line = sealed({"a": 1, "b": "ä"}, None)
    assert line == body[:-1] + b',"seal":"' + hashlib.sha256(body).hexdigest().encode() + b'"}'
    assert opened(line, None) == {"a": 1, "b": "ä"}
    keyed = sealed({"a": 1, "b": "ä"}, b"key")
    assert seal_in(keyed) == hmac.new(b"key", body, "sha256").hexdigest()
    assert opened(keyed, b"key") == {"a": 1, "b": "ä"}


@pytest.mark.parametrize("line", [b"", b"{}", b"[1]", b'{"a":1}', sealed({"a": 1}, b"key")])
def test_what_is_not_sealed_is_not_opened(line: bytes) -> None:
    with pytest.raises(ValueError, match="seal does not fit"):
        opened(line, None)


def test_a_seal_inside_a_value_is_not_the_seal() -> None:
    inner = sealed({"a": 1}, None).decode()
    line = sealed({"why": inner}, None)
    assert opened(line, None) == {"why": inner}
    assert seal_in(line) != seal_in(inner.encode())


def test_lines_are_numbered_and_linked() -> None:
    data, link = chained([{"a": "one\ntwo"}, {}], START, None)
    first, second = (opened(line, None) for line in data.splitlines())
    assert (first["number"], second["number"], link.number) == (1, 2, 2)
    assert first["previous"] == "0" * 64
    assert second["previous"] == seal_in(data.splitlines()[0])
    assert link.seal == seal_in(data.splitlines()[1])
    assert chained([], link, None) == (b"", link)
