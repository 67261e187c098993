"""What a figure was measured with: command, date, machine, commit and versions."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
"""The figures in the repository; only complete runs write there."""


def provenance(packages: Sequence[str]) -> dict[str, Any]:
    """JSON values that belong to every result file.

    Args:
        packages: distributions whose versions matter, besides memguard's own.
    """
    return {
        "command": " ".join(["python", *sys.orig_argv[1:]]),
        "date": date.today().isoformat(),
        "machine": {
            "platform": platform.platform(),
            "cpu": processor_name(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
        },
        "commit": commit(),
        "versions": {name: version(name) for name in ("memguard", *packages)},
    }


def processor_name() -> str:
    """The processor's model name, as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def commit() -> str:
    """The abbreviated commit of this checkout; a plus marks uncommitted changes."""
    command = ["git", "describe", "--always", "--dirty=+"]
    folder = Path(__file__).parent
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ran.stdout.strip()
