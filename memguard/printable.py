"""Text from elsewhere, made safe to show."""

from __future__ import annotations

import re

HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters, lone surrogates, and marks that reorder or hide text."""


def printable(text: str) -> str:
    """Text from elsewhere, such as a file's name, with what is not seen written out: ``\\x1b``."""
    return HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
