"""An index that stays open for days: is it still the one that searches find copies in?"""

from __future__ import annotations

import logging
import threading
import time

from memguard.index import Index

log = logging.getLogger("memguard")

RECHECK_CHECKS = 1000
RECHECK_SECONDS = 300.0
"""The canaries are looked up again after as many checks or seconds, whichever comes first, at the
next check. It takes some milliseconds. Chosen by hand."""


class Watch:
    """Looks up the canaries of an index now and then, and reads its manifest again.

    That it was changed is logged once for each version that is opened.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checks, self._due, self._said = 0, 0.0, False
        self.restart()

    def __reduce__(self) -> tuple[type[Watch], tuple[()]]:
        return Watch, ()

    def restart(self) -> None:
        """The index was just opened, which looks up its canaries."""
        self._said = False
        self._wait()

    def look(self, index: Index) -> None:
        """Look at the index if it is time, and at each call after it failed.

        Raises:
            IndexUnavailableError: a search does not find the canaries, or the index is gone.
        """
        with self._lock:
            self._checks += 1
            if self._checks <= RECHECK_CHECKS and time.monotonic() < self._due:
                return
            self._wait()
        try:
            health = index.health()
        except Exception:
            self._due = 0.0
            raise
        if health.outdated and not self._said:
            self._said = True
            log.warning(
                "%s has changed since it was opened%s; call guard.reload() to check against it as "
                "it is now",
                health.name,
                ""
                if health.newest in (None, health.records)
                else f", from {health.records} to {health.newest} references",
            )

    def _wait(self) -> None:
        self._checks, self._due = 0, time.monotonic() + RECHECK_SECONDS
