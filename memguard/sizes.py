"""Sizes in bytes, as people write them."""

from __future__ import annotations

import re

from memguard.errors import ConfigurationError

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)


def size_in_bytes(text: str | int) -> int:
    """``4GB`` -> 4,000,000,000; ``4GiB`` -> 4 * 2^30; a bare number is bytes.

    Raises:
        ConfigurationError: it is no size above 0.
    """
    found = SIZE.fullmatch(str(text))
    if found is None or not float(found[1]):
        raise ConfigurationError(f"{text!r} is no size; write one like 500MB or 4GB")
    unit = UNITS[found[2].lower()]
    if found[3]:
        unit = {10**3: 2**10, 10**6: 2**20, 10**9: 2**30, 10**12: 2**40}.get(unit, 1)
    return int(float(found[1]) * unit)
