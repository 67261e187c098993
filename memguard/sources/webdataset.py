"""Tar shards in the layout of WebDataset, as ``img2dataset`` writes them.

Neighbouring members of one key belong together: ``000000012.jpg``, ``000000012.txt`` (the caption)
and ``000000012.json`` (url, caption, licence, EXIF).
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.sources.base import BrokenItem, Item, Place
from memguard.sources.cursor import UNREADABLE, Position, file_state, files_below, parts
from memguard.sources.folder import SUFFIXES
from memguard.sources.metadata import described

RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
"""A brace pattern such as ``{00000..00099}``."""

BLOCK_BYTES = tarfile.BLOCKSIZE
"""A tar ends with blocks of zeros; one that does not is truncated."""

MAX_TEXT_BYTES = 1 << 20
"""Bytes read of a caption or of metadata."""


@dataclass(frozen=True, kw_only=True)
class SliceItem(Item):
    """An image that is part of a file."""

    path: Path
    offset: int
    length: int

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.length)
        if len(data) < self.length:
            raise UnreadableImageError(f"{self.path.name} ends in the middle of this image")
        return data

    def state_now(self) -> str:
        return file_state(self.path)


class WebDataset:
    """The images of tar shards, in the order of the shards and of their members.

    Only headers, captions and metadata are read while iterating; worker processes read the images.
    Of a truncated or damaged shard, the images before the damage are yielded, and the shard itself
    as an unreadable item.

    Args:
        where: one ``.tar`` file (not compressed), a folder of them, or a brace pattern such as
            ``shards/{00000..00099}.tar``.

    Raises:
        ConfigurationError: there is no shard.
    """

    reads: ClassVar[str] = (
        "a .tar shard, a folder of them, or a pattern such as shards/{00000..00099}.tar"
    )

    @classmethod
    def recognises(cls, place: Place) -> bool:
        if RANGE.search(place.name) or place.suffix == ".tar":
            return True
        if ".tar" not in place.suffixes_inside:
            return False
        if place.suffixes_inside & SUFFIXES:
            raise ConfigurationError(
                f"{place.what} holds image files and tar shards; name the shards by a pattern such "
                f"as {place.what}/{{00000..00099}}.tar, or a folder of one kind"
            )
        return True

    def __init__(self, where: str | os.PathLike[str]) -> None:
        self.where = str(where)
        self._shards = (
            sorted(Path(path).resolve() for path in expanded(self.where))
            if RANGE.search(self.where)
            else files_below(where, (".tar",))
        )
        if not any(shard.is_file() for shard in self._shards):
            raise ConfigurationError(f"there is no tar file at {where}")

    @property
    def name(self) -> str:
        return f"webdataset {Path(self.where).resolve()}"

    def size(self) -> None:
        return None

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        for shard, begin in parts(self._shards, after):
            try:
                with shard.open("rb") as file:
                    yield from _items(file, shard, begin)
            except OSError as error:
                yield BrokenItem(uri=str(shard), state=UNREADABLE, error=error)


def expanded(pattern: str) -> Iterator[str]:
    """The names that a brace pattern expands to; numbers keep their leading zeros."""
    found = RANGE.search(pattern)
    if found is None:
        yield pattern
        return
    first, last = found.groups()
    for number in range(int(first), int(last) + 1):
        yield from expanded(
            pattern[: found.start()] + f"{number:0{len(first)}d}" + pattern[found.end() :]
        )


@dataclass
class _Sample:
    """The members of one key."""

    key: str
    images: list[tarfile.TarInfo] = field(default_factory=list)
    caption: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def items(self, shard: Path, position: Position) -> Iterator[Item]:
        found = described(self.metadata)
        for image in self.images:
            yield SliceItem(
                uri=f"{shard}#{image.name}",
                state=position.state,
                position=str(position) if image is self.images[-1] else "",
                again=position.again,
                caption=self.caption or found["caption"],
                rights=found["rights"],
                url=found["url"],
                path=shard,
                offset=image.offset_data,
                length=image.size,
            )


def _items(file: BinaryIO, shard: Path, begin: Position) -> Iterator[Item]:
    file.seek(begin.done)
    sample = _Sample("")
    damage: str | None = None
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            while member := tar.next():
                key, ending = _split(member.name)
                if key != sample.key:
                    yield from sample.items(shard, begin.at(member.offset))
                    sample = _Sample(key)
                if member.isfile():
                    _add(sample, ending, member, tar)
                tar.members.clear()  # type: ignore[attr-defined]
            file.seek(tar.offset)
            if file.read(BLOCK_BYTES) != bytes(BLOCK_BYTES):
                damage = "it ends without the blocks that end a tar"
    except tarfile.TarError as error:
        damage = str(error)
    yield from sample.items(shard, begin.at(file.tell()))
    if damage:
        reason = UnreadableImageError(
            f"the tar is cut or damaged ({damage}); the images before that are indexed"
        )
        yield BrokenItem(uri=str(shard), state=begin.state, error=reason)


def _split(name: str) -> tuple[str, str]:
    """Key and suffix of a member: ``a/0012.seg.png`` gives ``a/0012`` and ``.seg.png``."""
    folder, _, base = name.rpartition("/")
    stem, dot, ending = base.partition(".")
    return f"{folder}/{stem}", (dot + ending).lower()


def _add(sample: _Sample, ending: str, member: tarfile.TarInfo, tar: tarfile.TarFile) -> None:
    if os.path.splitext(ending)[1] in SUFFIXES or ending in SUFFIXES:
        sample.images.append(member)
    elif ending in (".txt", ".caption"):
        sample.caption = _text(member, tar).strip() or None
    elif ending == ".json":
        try:
            metadata = json.loads(_text(member, tar))
        except (ValueError, RecursionError):
            return
        if isinstance(metadata, dict):
            sample.metadata = metadata


def _text(member: tarfile.TarInfo, tar: tarfile.TarFile) -> str:
    file = tar.extractfile(member)
    return file.read(MAX_TEXT_BYTES).decode("utf-8", errors="replace") if file else ""
