"""Other processes that write the same audit log, and are killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.soak.background import Background
from memguard.audit_log.reader import Wanted, read

LONGEST_SECONDS = 10.0
"""That a writer lives, its start included."""
SHORTEST_SECONDS = 3.0


class Others(Background):
    """Starts one writer after the other, and kills each at a random moment.

    Args:
        log: that they write.
        said: a file for the requests that they say they have written.
        seed: of the moments.

    Attributes:
        killed: how many were killed.
    """

    def __init__(self, log: Path, said: Path, seed: int) -> None:
        super().__init__()
        self.killed = 0
        self._log, self._said, self._rng = log, said, np.random.default_rng(seed)

    def written(self) -> tuple[int, int]:
        """How many lines the writers said were written, and how many of them are missing."""
        said = self._said.read_text(encoding="utf-8").split()
        there = {line.get("request") for line in read(self._log, Wanted())}
        return len(said), sum(request not in there for request in said)

    def _run(self) -> None:
        with self._said.open("a", encoding="utf-8") as said:
            while not self._ended.is_set():
                command = [sys.executable, "-m", "benchmarks.soak.other_writer", str(self._log)]
                writer = subprocess.Popen([*command, f"other-{self.killed}"], stdout=said)
                self._ended.wait(self._rng.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
                writer.send_signal(signal.SIGKILL)
                writer.wait()
                self.killed += 1
