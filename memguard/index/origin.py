"""Where references come from: a source, or a rights holder's licence."""

from __future__ import annotations

from dataclasses import dataclass

ENDS = ("/", "#", "?")
"""After a source's name, one of these begins the name of an image in it."""

LICENCE = "licence: "
"""How :func:`memguard.sources.rights.notice` marks a licence."""


@dataclass(frozen=True)
class Origin:
    """What references have in common; they meet all that is given.

    Attributes:
        source: a folder, shard, table, data set or address that their uris or published addresses
            begin with, up to the end of a name: ``/data/own`` is no source of ``/data/own2/a.png``.
        licence: their rights, or one part of it, whole, in any case: ``CC0`` fits
            ``licence: CC0; by Jane Doe``, and not ``licence: CC0-like``.
    """

    source: str | None = None
    licence: str | None = None

    def is_place_of(self, name: str | None) -> bool:
        """Whether a uri or published address lies in the source."""
        if name is None or not self.source:
            return False
        if name == self.source:
            return True
        rest = name.removeprefix(self.source)
        return rest != name and (self.source.endswith(ENDS) or rest.startswith(ENDS))

    def is_licence_of(self, rights: str | None) -> bool:
        """Whether this is the licence, or another part of these rights."""
        if rights is None or not self.licence:
            return False
        wanted = self.licence.strip().casefold()
        parts = [part.strip().casefold() for part in (rights, *rights.split("; "))]
        return wanted in parts or LICENCE + wanted in parts
