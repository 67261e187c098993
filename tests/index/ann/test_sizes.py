"""Sizes as people write them."""

from __future__ import annotations

import pytest

from memguard import ConfigurationError
from memguard.sizes import size_in_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4_000_000_000),
        ("500MB", 500_000_000),
        ("1.5 gb", 1_500_000_000),
        ("2GiB", 2 * 2**30),
        ("64k", 64_000),
        ("1TB", 10**12),
        ("123", 123),
        (123, 123),
    ],
)
def test_sizes(text: str | int, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "four", "4PB", "0", "4 G B x", "nan"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ConfigurationError, match="write one like 500MB or 4GB"):
        size_in_bytes(text)
