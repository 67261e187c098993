"""Items of every kind: what they read, from disk and a real server, and in worker processes."""

from __future__ import annotations

import contextlib
import pickle
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import numpy as np
import pytest
from fixtures.picture_files import encoded
from fsspec.registry import known_implementations
from PIL import Image

from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.index.ingest.reader import Readable, Unreadable, read
from memguard.sources import BrokenItem, BytesItem, FileItem, Item, items
from memguard.sources.base import RETRY
from memguard.sources.items import ATTEMPTS, UrlItem, is_image, item_of
from memguard.sources.webdataset import SliceItem

ITEMS = [
    Item(uri="u", state="s", vectors={"clip": np.ones(2, np.float32)}),
    BytesItem(uri="u", state="s", data=b"x", caption="c", rights="r", url="http://h/u"),
    BrokenItem(uri="u", state="s", error=OSError("why")),
    BrokenItem(uri="u", state="s", error=UnreadableImageError("why")),
    FileItem(uri="u", state="s", path=Path("p")),
    SliceItem(uri="u", state="s", path=Path("p"), offset=1, length=2),
    UrlItem(uri="u", state="s", address="http://h/u"),
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_items_travel_to_workers(item: Item) -> None:
    assert pickle.loads(pickle.dumps(item)) == item
    assert len({item, item}) == 1
    assert item.has_pixels == (item.vectors is None)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (b"x", BytesItem),
        ({"bytes": b"x", "path": "a.png"}, BytesItem),
        ({"bytes": None, "path": "a.png"}, FileItem),
        ({"bytes": None, "path": "http://h/a.png"}, UrlItem),
        ({"bytes": None, "path": None}, BrokenItem),
        (None, BrokenItem),
    ],
)
def test_a_cell_of_an_image_column(cell: object, kind: type) -> None:
    item = item_of(cell, uri="u", state="s", caption="c")
    assert type(item) is kind
    assert item.caption == "c"


def test_images_are_known_by_their_first_bytes() -> None:
    assert is_image(PNG[:100])
    assert not is_image(b"a caption")


# ---- images behind addresses ----

PNG = encoded(Image.new("RGB", (8, 8), "red"), "PNG")


class Server(ThreadingHTTPServer):
    """Answers by path: an image, its absence, a failure, or a failure before an image."""

    asked: Counter[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        first = self.server.asked[self.path] < ATTEMPTS
        status = {"/gone.png": 404, "/down.png": 500, "/flaky.png": 503 if first else 200}
        self.send_response(status.get(self.path, 200))
        self.send_header("Content-Length", str(len(PNG)))
        self.end_headers()
        self.wfile.write(PNG[:20] if self.path == "/cut.png" else PNG)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(items, "PAUSE_SECONDS", 0.0)
    with Server(("127.0.0.1", 0), Answers) as serving:
        serving.asked = Counter()
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def at(address: str) -> UrlItem:
    return UrlItem(uri=address, state="listed", address=address)


def test_a_web_address(server: Server) -> None:
    assert at(f"{server.address}/a.png").read() == PNG
    assert server.asked == {"/a.png": 1}


def test_a_failure_that_passes_is_tried_again(server: Server) -> None:
    assert at(f"{server.address}/flaky.png").read() == PNG
    assert server.asked == {"/flaky.png": ATTEMPTS}


def test_a_failure_that_lasts_is_left_to_the_next_build(server: Server) -> None:
    (result,) = read([at(f"{server.address}/down.png")], {})
    assert isinstance(result, Unreadable)
    assert result.state == RETRY
    assert result.reason.startswith(f"not reachable in {ATTEMPTS} attempts: 500")
    assert server.asked == {"/down.png": ATTEMPTS}


def test_what_is_gone_is_asked_once_a_build(server: Server) -> None:
    (result,) = read([at(f"{server.address}/gone.png")], {})
    assert isinstance(result, Unreadable)
    assert (result.reason, result.state) == ("nothing is there", RETRY)
    assert server.asked == {"/gone.png": 1}


def test_an_answer_that_breaks_off_is_no_image(server: Server) -> None:
    (result,) = read([at(f"{server.address}/cut.png")], {})
    assert isinstance(result, Unreadable)
    assert result.state == RETRY


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "PAUSE_SECONDS", 0.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and never listening
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/a.png"
        with pytest.raises(OSError, match=f"not reachable in {ATTEMPTS} attempts"):
            at(address).read()


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(items, "SILENCE_SECONDS", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(OSError, match="not reachable"),
    ):
        at(f"http://127.0.0.1:{silent.getsockname()[1]}/a.png").read()


def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(items, "ADDRESS_SECONDS", 0.3)
    ended = threading.Event()

    def drip(listening: socket.socket) -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError), listening.accept()[0] as client:
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while not ended.wait(0.05):
                    client.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        with pytest.raises(OSError, match="not reachable"):
            at(f"http://127.0.0.1:{listening.getsockname()[1]}/a.png").read()
        ended.set()
        with contextlib.suppress(OSError):
            socket.create_connection(listening.getsockname()).close()
        thread.join()


def test_other_file_systems(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/bucket/a.png", PNG)
    (tmp_path / "a.png").write_bytes(PNG)
    addresses = ["memory://bucket/a.png", f"file://{tmp_path}/a.png"]
    results = read([at(address) for address in addresses], {})
    assert [isinstance(result, Readable) for result in results] == [True, True]


def test_an_unknown_protocol_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "PAUSE_SECONDS", 0.0)
    (result,) = read([at("nonesuch://bucket/a.png")], {})
    assert isinstance(result, Unreadable)
    assert "nonesuch" in result.reason


def test_a_protocol_whose_package_is_missing_stops_the_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(
        known_implementations,
        "absent",
        {"class": "no_such_package.FileSystem", "err": "Install no_such_package"},
    )
    with pytest.raises(ConfigurationError, match="Install no_such_package; pip install"):
        at("absent://bucket/a.png").read()


@pytest.mark.parametrize("package", ["fsspec", "aiohttp"])
def test_a_web_address_without_its_packages_stops_the_build(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=rf"^this needs {package}, .* pip install"):
        read([at("http://127.0.0.1:9/a.png")], {})
