"""Reading and checking many images, none of which stops the others."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
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
            images = [image for image in read if isinstance(image, tuple)]
            verdicts = iter(_check(guard, [image for _, image in images]))
            for query, found in zip(batch, read, strict=True):
                if isinstance(found, str):
                    yield CheckedFile(query.name, error=found)
                    continue
                file = replace(next(verdicts), name=query.name)
                if copies is not None and file.label == "memorized":
                    file = replace(file, copied_to=str(_copy(query.name, found[0], copies)))
                yield file


def _read(query: Query) -> tuple[bytes, Image.Image] | str:
    """The file and its image, or why there is none."""
    try:
        data = query.read()
        return data, decode(data)[0]
    except UnreadableImageError as error:
        return f"cannot be read: {error}"


def _check(guard: Guard, images: Sequence[Image.Image]) -> list[CheckedFile]:
    """Verdicts without names; where a batch fails, each image on its own."""
    try:
        return [CheckedFile("", verdict) for verdict in guard.check(images)] if images else []
    except CheckFailedError as error:
        if len(images) == 1:
            return [CheckedFile("", error=f"cannot be checked: {error}")]
        return [file for image in images for file in _check(guard, [image])]


def _copy(name: str, data: bytes, folder: Path) -> Path:
    """Copy a file's bytes under its own name, or with some of its hash if that is taken."""
    digest = hashlib.sha256(data).hexdigest()
    target = folder / _file_name(name)
    with writing("copy", target):
        folder.mkdir(parents=True, exist_ok=True)
        if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() != digest:
            target = target.with_name(f"{target.stem}-{digest[:NAME_DIGITS]}{target.suffix}")
        write_bytes(target, data)
    return target


def _file_name(name: str) -> str:
    """A file's name; of an address, a harmless one made from the end of its path."""
    if "://" not in name:
        return Path(name).name
    last = urlparse(name).path.rpartition("/")[2]
    return re.sub(r"[^\w.-]", "_", last).strip(".")[-NAME_CHARACTERS:] or "image"
