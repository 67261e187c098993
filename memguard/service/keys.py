"""API keys: a file of their hashes, names and roles.

A key is 256 random bits, so its SHA-256 gives nothing away and needs no salt.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

import msgspec

from memguard.errors import ConfigurationError
from memguard.files import from_json, write_bytes

Role = Literal["check", "admin"]
"""``check``: may have images checked. ``admin``: may also reload the index."""

PREFIX = "mg_"
"""By which secret scanners recognise a key."""
KEY_BYTES = 32


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key, as it is stored.

    Attributes:
        name: whose it is.
        role: what it may do.
        sha256: of its text.
        created: UTC, ISO 8601.
    """

    name: str
    role: Role
    sha256: str
    created: str

    def may(self, role: Role) -> bool:
        """Whether the key has a role; an admin has every one."""
        return self.role in (role, "admin")


class Keys:
    """The keys in a file, which may change while the service runs.

    Args:
        path: the file; keys that are added make it.

    Raises:
        ConfigurationError: it is no file of keys.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[object, dict[str, Key]] = None, {}
        self.all()

    def all(self) -> list[Key]:
        """Every key, in the order in which they were added."""
        return [*self._by_hash().values()]

    def find(self, text: str) -> Key | None:
        """The key that this text is."""
        return self._by_hash().get(_hash(text))

    def add(self, name: str, role: Role) -> str:
        """Add a key, and return its text, which is nowhere else.

        Raises:
            ConfigurationError: there is a key of this name.
        """
        known = self.all()
        if any(key.name == name for key in known):
            raise ConfigurationError(f"{self.path} has a key named {name!r}; remove it first")
        text = PREFIX + secrets.token_urlsafe(KEY_BYTES)
        created = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._write([*known, Key(name, role, _hash(text), created)])
        return text

    def remove(self, name: str) -> None:
        """Remove a key: requests with it are refused from now on.

        Raises:
            ConfigurationError: there is none of this name.
        """
        kept = [key for key in self.all() if key.name != name]
        if len(kept) == len(self.all()):
            raise ConfigurationError(f"{self.path} has no key named {name!r}")
        self._write(kept)

    def _by_hash(self) -> dict[str, Key]:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return {}
        version = status.st_mtime_ns, status.st_ino, status.st_size
        if self._read[0] != version:
            try:
                keys = from_json(msgspec.json.decode(self.path.read_bytes()), list[Key])
            except (msgspec.MsgspecError, ValueError) as error:
                raise ConfigurationError(f"{self.path} is no file of API keys: {error}") from error
            self._read = version, {key.sha256: key for key in keys}
        return self._read[1]

    def _write(self, keys: list[Key]) -> None:
        write_bytes(self.path, msgspec.json.format(msgspec.json.encode(keys)) + b"\n")
        os.chmod(self.path, 0o600)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
