"""Fetching within limits, from real servers on this machine: slow, large, moving and lying ones."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest
import trustme
from fixtures.loopback import served

from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.sources.fetch import Fetch, is_public

BODY = b"not looked at here" * 100


class Answers(BaseHTTPRequestHandler):
    """Answers by path; ``left`` says that a client has gone before its answer was whole."""

    left: ClassVar = threading.Event()

    def do_GET(self) -> None:
        path, _, argument = self.path.lstrip("/").partition("?")
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            getattr(self, path, self.nothing)(argument)

    def nothing(self, _: str) -> None:
        self.send_error(404)

    def file(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def unsized(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(BODY)

    def moved(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.end_headers()

    def dripping(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        self._drip()

    def dripping_headers(self, _: str) -> None:
        self._drip()

    def _drip(self) -> None:
        try:
            for _ in range(200):
                self.wfile.write(b"x")
                time.sleep(0.05)
        except ConnectionError:
            self.left.set()

    def echo(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers['Host']}".encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    with served(Answers) as place:
        yield place


def fetched(url: str, place: str, **limits: float) -> bytes:
    return Fetch(hosts=[place], **limits)(url)


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        act()
    return str(caught.value)


@pytest.mark.parametrize("path", ["file", "unsized", "moved?/file", "moved?/moved?/file"])
def test_a_file(server: str, path: str) -> None:
    assert fetched(f"http://{server}/{path}", server) == BODY


def test_the_address_is_asked_for_as_it_stands(server: str) -> None:
    asked = fetched(f"http://{server}/echo?a=1&b=%20é#part", server)
    assert asked.decode() == f"/echo?a=1&b=%20%C3%A9 {server}"


def test_this_machine_is_refused_unless_it_is_named(server: str) -> None:
    port = server.partition(":")[2]
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0"):
        url = f"http://{host}:{port}/file"
        assert "private address" in refusal(lambda url=url: Fetch(hosts=["127.0.0.1:1"])(url))
    assert Fetch(hosts=["127.0.0.1"])(f"http://{server}/file") == BODY
    assert Fetch(hosts=["LOCALHOST"])(f"http://localhost:{port}/file") == BODY


def test_one_host_alone_is_a_list_too() -> None:
    with pytest.raises(ConfigurationError, match=r"Fetch\(hosts=\['127.0.0.1'\]\)"):
        Fetch(hosts="127.0.0.1")


def test_a_redirect_to_a_private_address_is_refused(server: str) -> None:
    with served(Answers) as other:
        url = f"http://{server}/moved?http://{other}/file"
        assert "private address" in refusal(lambda: fetched(url, server))
        assert Fetch(hosts=[server, other])(url) == BODY


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("64:ff9b::5db8:d70e", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("::ffff:10.0.0.1", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("224.0.1.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1%lo", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) == public


@pytest.mark.parametrize("path", ["file", "unsized"])
def test_what_is_too_large_is_not_read(server: str, path: str) -> None:
    assert fetched(f"http://{server}/{path}", server, most_bytes=len(BODY)) == BODY
    said = refusal(lambda: fetched(f"http://{server}/{path}", server, most_bytes=len(BODY) - 1))
    assert said == "127.0.0.1: more than 1,799 bytes"


@pytest.mark.parametrize("path", ["dripping", "dripping_headers"])
def test_a_server_that_drips_is_left_in_time(server: str, path: str) -> None:
    Answers.left.clear()
    said = refusal(lambda: fetched(f"http://{server}/{path}", server, seconds=0.5))
    assert said == "127.0.0.1: no answer in 0.5 s"
    assert Answers.left.wait(60)


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        said = refusal(lambda: fetched(f"http://{place}/", place, seconds=0.3))
    assert said == "127.0.0.1: no answer in 0.3 s"


def test_redirects_end(server: str) -> None:
    said = refusal(lambda: fetched(f"http://{server}/moved?/moved?/file", server, redirects=1))
    assert said == "127.0.0.1: more than 1 redirects"
    assert fetched(f"http://{server}/moved?/file", server, redirects=1) == BODY


def test_what_cannot_be_had_is_an_error_without_the_key_in_the_url(server: str) -> None:
    said = refusal(lambda: fetched(f"http://{server}/nothing?key=secret", server))
    assert said == "127.0.0.1: status 404"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/hostname",
        "ftp://127.0.0.1/x",
        "http://",
        "//host/x",
        "http://[::1/x",
        "http://host:port/",
        "http://user:password@host/",
        "http://host.invalid/",
        "http://a host/",
        "http://127.0.0.1\r\nX: y/",
        "x" * 100,
        "",
    ],
)
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    assert refusal(lambda: Fetch(hosts=["127.0.0.1"])(url))


def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, secured = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(secured)
    with served(Answers, secured) as place, served(Answers) as open_to_all:
        fetch = Fetch(hosts=["127.0.0.1"], seconds=5)
        assert "CERTIFICATE_VERIFY_FAILED" in refusal(lambda: fetch(f"https://{place}/file"))
        authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        assert fetch(f"https://{place}/file") == BODY
        said = refusal(lambda: fetch(f"https://{place}/moved?http://{open_to_all}/file"))
        assert said == "127.0.0.1 redirects to an address without TLS"
