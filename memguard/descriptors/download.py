"""Weights from the web: continued where a download broke off, kept only with the right bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from filelock import FileLock

from memguard.errors import WeightsError
from memguard.files import BLOCK_BYTES, PARTIAL, sha256

SILENCE_SECONDS = 30.0
"""Timeout of connecting to a server, and of its silence while it answers."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on the web, and what its bytes must be.

    Attributes:
        url: its address, which ends with its name.
        size: in bytes.
        sha256: hexadecimal.
    """

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


def download(
    remote: RemoteFile,
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Path:
    """Download a file, unless it is in the folder whole already, and return its path.

    The file gets its name in one atomic step, after its size and SHA-256 were compared.

    Args:
        remote: what to download.
        folder: is made if it does not exist.
        on_progress: called with bytes in the folder and bytes in all.

    Raises:
        WeightsError: no network, a connection that broke off (the next call continues), other
            bytes than expected, or a folder or disk that cannot be written.
    """
    target, partial = folder / remote.name, folder / (remote.name + PARTIAL)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if not target.is_file() or sha256(target) != remote.sha256:
                _fetch(remote, partial, on_progress)
                _require_bytes(remote, partial)
                os.replace(partial, target)
    except OSError as error:
        raise WeightsError(
            f"{target} cannot be written: {error.strerror or error}; it takes "
            f"{remote.size / 1e6:.0f} MB. MEMGUARD_CACHE=FOLDER names another folder"
        ) from error
    return target


def _fetch(remote: RemoteFile, partial: Path, on_progress: Callable[[int, int], None]) -> None:
    """Append to the partial file what it lacks; write it anew where that is impossible."""
    with partial.open("ab") as file:
        if file.tell() == remote.size:
            return
        for offset, block in _blocks(remote, file.tell() if file.tell() < remote.size else 0):
            if file.tell() != offset:
                file.truncate(offset)
            file.write(block)
            on_progress(offset + len(block), remote.size)
    done = partial.stat().st_size
    if done < remote.size:
        raise WeightsError(
            f"the connection to {remote.url} broke off after {done:,} of {remote.size:,} bytes: "
            "run the same again to continue"
        )


def _blocks(remote: RemoteFile, start: int) -> Iterator[tuple[int, bytes]]:
    """Parts of the file with their offsets: from ``start``, or from 0 if the server cannot."""
    request = Request(remote.url, headers={"Range": f"bytes={start}-"})  # noqa: S310
    try:
        with urlopen(request, timeout=SILENCE_SECONDS) as answer:  # noqa: S310
            offset = start if answer.status == HTTPStatus.PARTIAL_CONTENT else 0
            if answer.length is not None and offset + answer.length != remote.size:
                raise WeightsError(
                    f"{remote.url} holds {offset + answer.length:,} bytes instead of "
                    f"{remote.size:,}: is it a proxy that answers? Try another network"
                )
            while offset <= remote.size and (block := answer.read(BLOCK_BYTES)):
                yield offset, block
                offset += len(block)
    except HTTPError as error:
        raise WeightsError(f"{remote.url} answers {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(
            f"{remote.url} cannot be reached: {reason}; run the same again, or download it where "
            "there is a network"
        ) from error


def _require_bytes(remote: RemoteFile, partial: Path) -> None:
    """Refuse other bytes than those that were pinned, and delete them."""
    found = sha256(partial)
    if found != remote.sha256:
        partial.unlink()
        raise WeightsError(
            f"{remote.url} gave other bytes than expected: their sha256 is {found}, not "
            f"{remote.sha256}. They were deleted; try again, or on another network"
        )
