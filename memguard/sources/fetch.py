"""A file by URL, fetched within limits of time, size and redirects, from public addresses only."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from memguard._version import __version__
from memguard.errors import ConfigurationError, UnreadableImageError

REDIRECTS = (301, 302, 303, 307, 308)
"""Statuses that name another address (RFC 9110, 15.4)."""

UNQUOTED = "%/:=&?~#+!$,;'@()*[]"
"""What stays as it is in the path and query of a URL (RFC 3986, 2.2)."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that stand for the IPv4 address in their last 32 bits (RFC 6052)."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Fetch:
    """Fetches what is behind an ``http://`` or ``https://`` URL: ``Fetch(seconds=10)(url)``.

    A server must have a public address: the machine's own, the network's and the cloud's
    (``169.254.169.254``) are refused, also behind a redirect or a name. The connection goes to the
    address that was looked at. Proxies and credentials are not used.

    Attributes:
        hosts: hosts that may have a private address, such as ``"images.internal"`` or
            ``"127.0.0.1:8000"``; without a port, any.
        seconds: time for the whole file with all redirects, except for looking up names.
        most_bytes: the largest file.
        redirects: how many are followed; from ``https`` none to ``http``.

    Raises:
        ConfigurationError: ``hosts`` is a text.
    """

    hosts: Collection[str] = ()
    seconds: float = 30.0
    most_bytes: int = 64 * 2**20
    redirects: int = 3

    def __post_init__(self) -> None:
        if isinstance(self.hosts, str):
            raise ConfigurationError(f"hosts is a list: Fetch(hosts=[{self.hosts!r}])")

    def __call__(self, url: str) -> bytes:
        """The file.

        Raises:
            UnreadableImageError: it cannot be had within the limits. The message names the host
                and no more of the URL, whose query often holds a key.
        """
        end = time.monotonic() + self.seconds
        for _ in range(self.redirects + 1):
            place = _place(url)
            try:
                answer = self._answer(place, end)
            except (OSError, http.client.HTTPException, ValueError) as error:
                late = time.monotonic() >= end
                reason = f"no answer in {self.seconds:g} s" if late else error
                raise UnreadableImageError(f"{place.hostname}: {reason}") from error
            if isinstance(answer, bytes):
                return answer
            url = urljoin(url, answer)
            if place.scheme == "https" and urlsplit(url).scheme != "https":
                raise UnreadableImageError(f"{place.hostname} redirects to an address without TLS")
        raise UnreadableImageError(f"{place.hostname}: more than {self.redirects} redirects")

    def _answer(self, place: SplitResult, end: float) -> bytes | str:
        """The file, or the URL of a redirect."""
        with self._connected(place, end) as raw, raw.dup() as handle:
            # A timer, since a timeout of the socket begins anew with each byte that drips in.
            clock = threading.Timer(end - time.monotonic(), handle.shutdown, [socket.SHUT_RDWR])
            clock.daemon = True
            clock.start()
            try:
                return self._exchange(place, raw, end)
            finally:
                clock.cancel()
                clock.join()

    def _exchange(self, place: SplitResult, raw: socket.socket, end: float) -> bytes | str:
        host = str(place.hostname)
        connection = http.client.HTTPConnection(host, place.port)
        connection.sock = raw
        if place.scheme == "https":
            connection = http.client.HTTPSConnection(host, place.port)
            connection.sock = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
        headers = {"User-Agent": f"memguard/{__version__}", "Accept": "image/*"}
        target = quote(place._replace(scheme="", netloc="", fragment="").geturl(), safe=UNQUOTED)
        with contextlib.closing(connection):
            connection.request("GET", target or "/", headers=headers)
            response = connection.getresponse()
            if response.status in REDIRECTS and "Location" in response.headers:
                return response.headers["Location"]
            if response.status != http.client.OK:
                raise OSError(f"status {response.status}")
            if int(response.headers.get("Content-Length", 0)) > self.most_bytes:
                raise OSError(f"more than {self.most_bytes:,} bytes")
            data = response.read(self.most_bytes + 1)
        if time.monotonic() >= end:
            raise TimeoutError
        if len(data) > self.most_bytes:
            raise OSError(f"more than {self.most_bytes:,} bytes")
        return data

    def _connected(self, place: SplitResult, end: float) -> socket.socket:
        host = str(place.hostname)
        port = place.port or (443 if place.scheme == "https" else 80)
        known = {name.lower() for name in self.hosts}
        private = bool(known & {host, f"{host}:{port}", f"[{host}]:{port}"})
        failure = OSError("has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        ):
            if not (private or is_public(str(address[0]))):
                failure = PermissionError(
                    f"is at a private address; if that is meant, Fetch(hosts=[{host!r}])"
                )
                continue
            raw = socket.socket(family, kind, protocol)
            try:
                raw.settimeout(max(end - time.monotonic(), 0.001))
                raw.connect(address)
            except OSError as error:
                raw.close()
                failure = error
            else:
                return raw
        raise failure


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet.

    An IPv6 address that stands for an IPv4 address is as public as that.
    """
    found: Address = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if found in NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        found = inner or found
    return found.is_global and not found.is_multicast


def _place(url: str) -> SplitResult:
    """The parts of a URL.

    Raises:
        UnreadableImageError: it is none that can be fetched.
    """
    try:
        place = urlsplit(url)
        place.port  # noqa: B018 - raises where it is no number
    except ValueError as error:
        raise UnreadableImageError(f"not a URL: {error}") from error
    if place.scheme not in ("http", "https") or not place.hostname:
        raise UnreadableImageError("only http:// and https:// URLs are fetched")
    if place.username is not None:
        raise UnreadableImageError(f"{place.hostname}: credentials in a URL are not used")
    return place
