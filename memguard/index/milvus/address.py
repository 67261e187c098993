"""The address of an index in Milvus, ``milvus://HOST:PORT/PREFIX``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from memguard.errors import ConfigurationError

SCHEMES = {"milvus": "http", "milvus+tls": "https"}
"""Schemes of an address, and those of pymilvus: without and with encryption."""

PORT = 19530
"""Milvus's own default."""

TOKEN_VARIABLE = "MEMGUARD_MILVUS_TOKEN"  # noqa: S105
"""The environment variable with a token, or USER:PASSWORD, for addresses without one."""

PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
"""What Milvus allows at the beginning of a collection's name, with room for the rest."""

FORM = "milvus://[USER:PASSWORD@]HOST[:PORT]/PREFIX"


def in_milvus(index: object) -> bool:
    """Whether this names an index in Milvus, rather than a directory."""
    return str(index).partition(":/")[0] in SCHEMES


@dataclass(frozen=True)
class MilvusAddress:
    """A server, and the prefix of one index's collections.

    Attributes:
        server: as pymilvus takes it, ``http://HOST:PORT``.
        prefix: the collections are ``PREFIX_records``, ``PREFIX_phash64`` and so on.
        token: ``USER:PASSWORD``, an API key, or empty; never printed.
    """

    server: str
    prefix: str
    token: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: object) -> MilvusAddress:
        """Read an address; ``milvus+tls://`` encrypts.

        ``pathlib.Path`` makes one slash of two, so that one is enough here.

        Raises:
            ConfigurationError: it is no address. The message does not repeat a password.
        """
        scheme, _, rest = str(text).partition(":/")
        try:
            parts = urlsplit("//" + rest.lstrip("/"))
            host, port = parts.hostname, parts.port or PORT
        except ValueError as error:
            raise ConfigurationError(f"no Milvus address ({error}); write {FORM}") from error
        prefix = parts.path.strip("/")
        if scheme not in SCHEMES or not host or parts.query or parts.fragment:
            raise ConfigurationError(f"this is no Milvus address; write {FORM}")
        if not PREFIX.fullmatch(prefix):
            raise ConfigurationError(
                f"{prefix!r} is no prefix of Milvus collections: letters, digits and underscores, "
                f"no digit first, at most 200; write {FORM}"
            )
        named = unquote(parts.username or "")
        token = f"{named}:{unquote(parts.password)}" if parts.password is not None else named
        host = f"[{host}]" if ":" in host else host
        return cls(
            server=f"{SCHEMES[scheme]}://{host}:{port}",
            prefix=prefix,
            token=token or os.environ.get(TOKEN_VARIABLE, ""),
        )

    def __str__(self) -> str:
        scheme = next(
            name for name, theirs in SCHEMES.items() if self.server.startswith(theirs + ":")
        )
        return f"{scheme}://{self.server.partition('://')[2]}/{self.prefix}"
