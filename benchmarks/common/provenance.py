"""What stands beside every figure: the machine and the commit."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path


def cpu() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def commit() -> str:
    """The commit that was measured, with a plus where files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+"]
    folder = Path(__file__).parent
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ran.stdout.strip()
