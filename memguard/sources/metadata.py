"""Caption, rights and address in a source's metadata, by the names of its fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memguard.errors import ConfigurationError
from memguard.sources.rights import notice

CAPTIONS = ("caption", "text", "txt", "prompt", "alt_text", "alt", "title", "description")
NOTICES = ("rights", "copyright", "copyright_notice", "usage_terms", "attribution")
LICENCES = ("license", "licence", "license_url", "licence_url")
CREATORS = ("creator", "author", "artist", "photographer", "credit")
URLS = ("url", "image_url", "link", "original_url", "source_url")
"""Field names, lower case, in order of preference. ``LICENSE``, ``TEXT`` and ``URL`` are LAION's;
``caption``, ``url`` and ``exif`` img2dataset's."""

EXIF = "exif"
"""img2dataset's field: the image file's EXIF as a JSON object of ``exifread`` names."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table that memguard uses.

    Attributes:
        caption, url: one column each, or None.
        notices, licences, creators: columns about rights.
        exif: the column of EXIF fields, or None.
    """

    caption: str | None
    url: str | None
    notices: tuple[str, ...]
    licences: tuple[str, ...]
    creators: tuple[str, ...]
    exif: str | None

    @classmethod
    def among(
        cls, names: Iterable[str], *, caption: str | None = None, rights: str | None = None
    ) -> Columns:
        """Choose among a table's columns by their usual names, in any case.

        Args:
            names: the columns of the table.
            caption, rights: a column to use instead of those with usual names.

        Raises:
            ConfigurationError: a named column is not there.
        """
        names = list(names)
        known = {name.casefold(): name for name in reversed(names)}
        for name in (caption, rights):
            if name is not None and name.casefold() not in known:
                raise ConfigurationError(
                    f"there is no column {name}; the columns are {', '.join(names)}"
                )

        def find(usual: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(known[name] for name in usual if name in known)

        return cls(
            caption=known[caption.casefold()] if caption else next(iter(find(CAPTIONS)), None),
            url=next(iter(find(URLS)), None),
            notices=(known[rights.casefold()],) if rights else find(NOTICES),
            licences=() if rights else find(LICENCES),
            creators=() if rights else find(CREATORS),
            exif=known.get(EXIF),
        )

    @property
    def names(self) -> list[str]:
        """All of these columns, without repetition."""
        single = [name for name in (self.caption, self.url, self.exif) if name]
        return list(dict.fromkeys([*single, *self.notices, *self.licences, *self.creators]))

    def described(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The fields ``caption``, ``rights`` and ``url`` of an item, each a string or None."""
        exif = _exif(row.get(self.exif)) if self.exif else {}
        return {
            "caption": _text(row.get(self.caption)) if self.caption else None,
            "url": _text(row.get(self.url)) if self.url else None,
            "rights": notice(
                notices=[*(row.get(name) for name in self.notices), exif.get("Image Copyright")],
                licences=[row.get(name) for name in self.licences],
                creators=[*(row.get(name) for name in self.creators), exif.get("Image Artist")],
            ),
        }


def described(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The fields ``caption``, ``rights`` and ``url`` of an item, from metadata of its own."""
    return Columns.among(metadata).described(metadata)


def _text(value: Any) -> str | None:
    """A caption or address; the first of a list."""
    if isinstance(value, (list, tuple)):
        value = next(iter(value), None)
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return (value.strip() or None) if isinstance(value, str) else None


def _exif(value: Any) -> Mapping[str, Any]:
    try:
        fields = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, Mapping) else {}
