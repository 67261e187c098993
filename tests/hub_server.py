"""A stand-in for the Hugging Face hub: serves one dataset from a folder by the hub's HTTP API."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

NAME = "someone/pictures"
REVISION = "a" * 40


@contextlib.contextmanager
def serving(root: Path) -> Iterator[str]:
    """The address of a server (``HF_ENDPOINT``) whose one dataset holds the files below root."""
    answers = type("Answers", (_Answers,), {"root": root})
    with ThreadingHTTPServer(("127.0.0.1", 0), answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Answers(BaseHTTPRequestHandler):
    root: Path
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlparse(self.path)
        path = unquote(url.path)
        resolved, api = f"/datasets/{NAME}/resolve/{REVISION}/", f"/api/datasets/{NAME}"
        if path.startswith(resolved):
            self._file(self.root / path.removeprefix(resolved))
        elif path.startswith(f"{api}/tree/{REVISION}"):
            folder = self.root / path.removeprefix(f"{api}/tree/{REVISION}").strip("/")
            self._tree(folder, "recursive=true" in url.query.lower())
        elif path in (api, f"{api}/revision/{REVISION}"):
            self._json({"id": NAME, "sha": REVISION, "private": False, "tags": [], "siblings": []})
        else:
            self._send(404, headers={"X-Error-Code": "RepoNotFound"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._send(404, headers={"X-Error-Code": "EntryNotFound"})
            return
        data = path.read_bytes()
        headers = {
            "X-Repo-Commit": REVISION,
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "Accept-Ranges": "bytes",
        }
        wanted = self.headers.get("Range")
        if wanted is None:
            self._send(200, data, headers)
            return
        first, last = wanted.removeprefix("bytes=").split("-")
        part = data[int(first) : int(last or len(data)) + 1]
        headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        self._send(206, part, headers)

    def _tree(self, folder: Path, deep: bool) -> None:
        if not folder.is_dir():
            self._send(404, headers={"X-Error-Code": "EntryNotFound"})
            return
        self._json(
            [
                {
                    "type": "file" if path.is_file() else "directory",
                    "path": str(path.relative_to(self.root)),
                    "size": path.stat().st_size,
                    "oid": "b" * 40,
                }
                for path in sorted(folder.rglob("*") if deep else folder.iterdir())
            ]
        )

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...
