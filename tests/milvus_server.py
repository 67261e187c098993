"""The real Milvus server of PyPI's ``milvus``, in a network namespace of its own.

The server listens on every interface, so it runs where there is none but its loopback. A relay
beside it takes connections from a socket that was opened outside, on 127.0.0.1, and handed over:
a socket belongs to the namespace that it was opened in. So tests connect as to any server, and
nobody else can. It ends when the process that started it ends, however that is.

    python milvus_server.py FILE_DESCRIPTOR DIRECTORY
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from own_network import isolated

INNER_PORT = 19530
READY = b"ready\n"


@dataclass(frozen=True)
class MilvusServer:
    """A running server.

    Attributes:
        port: of 127.0.0.1.
        pid: of the server itself.
    """

    port: int
    pid: int

    def uri(self, prefix: str) -> str:
        return f"milvus://127.0.0.1:{self.port}/{prefix}"

    @contextlib.contextmanager
    def hung(self) -> Iterator[None]:
        """Within this, connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


class Way:
    """A port that leads to another one of 127.0.0.1, until it is cut."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = 0
        self._open()

    def _open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        arguments = [self._listening, self._target, self._ends]
        threading.Thread(target=_relay_all, args=arguments, daemon=True).start()

    def close(self) -> None:
        for end in (self._listening, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """Within this, connections are broken and new ones refused."""
        self.close()
        try:
            yield
        finally:
            self._open()


@contextlib.contextmanager
def forwarded(port: int) -> Iterator[Way]:
    """A way to a port that a test may cut."""
    way = Way(port)
    try:
        yield way
    finally:
        way.close()


@contextlib.contextmanager
def milvus_server(directory: Path) -> Iterator[MilvusServer]:
    """A server whose files are in ``directory``; it and they are gone afterwards.

    It is not told how many threads OpenMP may have: with one, it waits for ever for an HNSW index.
    """
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        process = subprocess.Popen(
            isolated(__file__, listening.fileno(), directory),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[listening.fileno()],
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("OMP_")},
        )
        port = listening.getsockname()[1]
    assert process.stdin
    assert process.stdout
    try:
        pid = process.stdout.readline()
        if process.stdout.readline() != READY:
            raise RuntimeError(f"Milvus did not start; see {directory}/logs")
        yield MilvusServer(port, int(pid))
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
        shutil.rmtree(directory)


def serve(listening: socket.socket, directory: Path) -> None:
    """Run the server until standard input ends."""
    from milvus import MilvusServer as Server

    server = Server(wait_for_started=False, proxy_port=INNER_PORT, data_dir=str(directory))
    threading.Thread(target=_end_with_input, args=[server], daemon=True).start()
    server.start()
    print(server.server_proc.pid, flush=True)
    server.wait_started()
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    _relay_all(listening, INNER_PORT, [])


def _end_with_input(server: Any) -> None:
    sys.stdin.buffer.read()
    if server.server_proc:
        server.server_proc.kill()
        server.server_proc.wait()
    os._exit(0)


def _relay_all(listening: socket.socket, port: int, ends: list[socket.socket]) -> None:
    while True:
        try:
            outside, _ = listening.accept()
        except OSError:
            return
        try:
            inside = socket.create_connection(("127.0.0.1", port))
        except OSError:
            outside.close()
            continue
        ends += [outside, inside]
        for source, target in ((outside, inside), (inside, outside)):
            threading.Thread(target=_relay, args=[source, target], daemon=True).start()


def _relay(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
