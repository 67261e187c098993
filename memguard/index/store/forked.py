"""Refusal to read in a forked process, where Lance and FAISS hang or crash.

Only the forking thread lives on in the child. Lance's and FAISS's own threads do not: FAISS waits
for them for ever, and Lance's decoder corrupts memory (seen with pylance 14.0 in one of eight
forks, also where the child opens the table anew).
"""

from __future__ import annotations

import os

from memguard.errors import IndexUnavailableError

_opened_in: int | None = None
"""The process that opened an index; those forked from it inherit the number."""


def note_opened() -> None:
    """Note that this process is about to open an index.

    Raises:
        IndexUnavailableError: see :func:`require_not_forked`.
    """
    global _opened_in
    require_not_forked()
    _opened_in = os.getpid()


def require_not_forked() -> None:
    """Refuse to go on in a process that was forked from one that has opened an index.

    Raises:
        IndexUnavailableError: it was.
    """
    if _opened_in not in (None, os.getpid()):
        raise IndexUnavailableError(
            "an index was opened before this process was forked, and the libraries that read it "
            "do not survive a fork; open indexes and make guards after it: in gunicorn without "
            "--preload or in the hook post_fork, in multiprocessing with the start method spawn"
        )
