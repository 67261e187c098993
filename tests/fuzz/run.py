"""Fuzz one target with atheris, from its seeds: ``python tests/fuzz/run.py TARGET SECONDS``.

What breaks a target lies in ``crash-*`` of the working directory.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["memguard"]):
    from fuzz.targets import TARGETS, seeds

if __name__ == "__main__":
    name, seconds = sys.argv[1:]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(name)):
            Path(corpus, str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", corpus], TARGETS[name])
        atheris.Fuzz()
