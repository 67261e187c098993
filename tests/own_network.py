"""Runs a Python program in a network namespace of its own, where there is nothing but loopback.

    unshare -rn python own_network.py PROGRAM ARGUMENT...

For programs with servers that listen on every interface.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
from collections.abc import Sequence


def isolated(program: str, *arguments: object) -> list[str]:
    """The command that runs a program so; it needs no privileges but those of ``unshare``."""
    alone = ["unshare", "--map-root-user", "--net", sys.executable, __file__]
    return [*alone, program, *map(str, arguments)]


def raise_loopback() -> None:
    """``ip link set lo up``, netdevice(7), for machines without iproute2."""
    set_flags, up = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14s", b"lo", up, b""))


def main(command: Sequence[str]) -> None:
    raise_loopback()
    os.execv(sys.executable, [sys.executable, *command])


if __name__ == "__main__":
    main(sys.argv[1:])
