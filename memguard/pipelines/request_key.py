"""The caller's key for a request, which names its images in logs and decides on enforcement."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from contextvars import ContextVar

from memguard.errors import ConfigurationError

KEY_BYTES = 6
"""Of a random key. Among a million, two are equal with a probability of 0.2 %."""

_given: ContextVar[str | None] = ContextVar("memguard_request_key", default=None)


@contextlib.contextmanager
def request_key(key: str) -> Iterator[None]:
    """Name the guarded calls inside, in this thread or asyncio task.

        with memguard.request_key("order 1234"):
            images = pipe(prompt)

    The key stands in :class:`memguard.Outcome`, in log lines and in the audit log, and it decides
    whether a guard with ``enforce=0.1`` enforces its policy: the same key, the same decision.

    Args:
        key: of the request, or of its user, if each user is to see the same.

    Raises:
        ConfigurationError: the key is empty, or no text.
    """
    if not isinstance(key, str) or not key:
        raise ConfigurationError(f"a request key is a text that is not empty, not {key!r}")
    token = _given.set(key)
    try:
        yield
    finally:
        _given.reset(token)


def current_key() -> str:
    """The caller's key, or a random one."""
    return _given.get() or secrets.token_hex(KEY_BYTES)
