"""Reading and checking many images, none of which stops the others."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from PIL import Image

from memguard.cli.console import writing
from memguard.errors import CheckFailedError, UnreadableImageError
from memguard.files import write_bytes
from memguard.pipelines.guard import Guard
from memguard.report.checked_files import CheckedFile
from memguard.sources.queries import Query
from memguard.vision.decode import decode

BATCH_IMAGES = 16
"""Images that are read, in threads, and then checked together."""

NAME_CHARACTERS = 100
"""The most that is kept of the name in an address."""

NAME_DIGITS = 8
"""Hexadecimal digits of its SHA-256 that tell a copy from another file of its name."""


def check_files(
    guard: Guard, queries: Sequence[Query], copies: Path | None
) -> Iterator[CheckedFile]:
    """Each query's verdict, in order; one that cannot be read or checked is named as such.

    Args:
        guard: raises where a check fails.
        queries: what to check.
        copies: folder for copies of memorized images; None for none.

    Raises:
        ConfigurationError: a copy cannot be written.
    """
    waiting = iter(queries)
    with ThreadPoolExecutor(BATCH_IMAGES) as threads:
        while batch := list(itertools.islice(waiting, BATCH_IMAGES)):
            read = list(threads.map(_read, batch))
            verdicts = iter(_check(guard, [image for _, _, image in read if image is not None]))
            for file, data, image in read:
                checked = file if image is None else replace(file, **next(verdicts))
                if copies is not None and checked.label == "memorized":
                    checked = replace(checked, copied_to=str(_copy(file.name, data, copies)))
                yield checked


def _read(query: Query) -> tuple[CheckedFile, bytes, Image.Image | None]:
    """The file before its check, its bytes, and its image; None if it cannot be read."""
    file, data = CheckedFile(query.name), b""
    try:
        data = query.read()
        file = replace(file, sha256=_sha256(data))
        return file, data, decode(data)[0]
    except UnreadableImageError as error:
        return replace(file, error=f"cannot be read: {error}"), data, None


def _check(guard: Guard, images: Sequence[Image.Image]) -> list[dict[str, Any]]:
    """Each image's verdict, or its error; where a batch fails, each image on its own."""
    try:
        return [{"verdict": verdict} for verdict in guard.check(images)] if images else []
    except CheckFailedError as error:
        if len(images) == 1:
            return [{"error": f"cannot be checked: {error}"}]
        return [found for image in images for found in _check(guard, [image])]


def _copy(name: str, data: bytes, folder: Path) -> Path:
    """Copy a file's bytes under its own name, or with some of its hash if that is taken."""
    target = folder / _file_name(name)
    with writing("copy", target):
        folder.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.read_bytes() != data:
            digits = _sha256(data)[:NAME_DIGITS]
            target = target.with_name(f"{target.stem}-{digits}{target.suffix}")
        write_bytes(target, data)
    return target


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _file_name(name: str) -> str:
    """A file's name; of an address, a harmless one made from the end of its path."""
    if "://" not in name:
        return Path(name).name
    last = urlparse(name).path.rpartition("/")[2]
    return re.sub(r"[^\w.-]", "_", last).strip(".")[-NAME_CHARACTERS:] or "image"
