"""What the process holds, over time: does it grow?"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import linregress, t

from benchmarks.soak.background import Background

SECONDS = 1.0
"""Between two samples."""
BLOCKS = 10
"""Slopes are fitted to the means of as many equal blocks: samples that follow each other are not
independent, and a line through all of them would look surer than it is."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Sample:
    """The process at one moment.

    Attributes:
        seconds: since the soak began.
        memory: resident, in MiB.
        descriptors: open files.
        threads: of the process.
        address_space: mapped, in MiB.
    """

    seconds: float
    memory: float
    descriptors: int
    threads: int
    address_space: float


@dataclass(frozen=True)
class Slope:
    """How fast something grows.

    Attributes:
        first, last: means of the first and last block.
        an_hour: growth in an hour.
        low, high: its 95 % interval.
        is_flat: whether the interval holds 0.
    """

    first: float
    last: float
    an_hour: float
    low: float
    high: float
    is_flat: bool


class Sampler(Background):
    """Samples this process until it is told to stop.

    Attributes:
        samples: so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.samples: list[Sample] = []

    def _run(self) -> None:
        started = time.monotonic()
        while not self._ended.wait(SECONDS):
            self.samples.append(sample(time.monotonic() - started))


def sample(seconds: float = 0.0) -> Sample:
    """This process now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    values = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+)", status, re.M)}
    descriptors = len(os.listdir("/proc/self/fd"))
    memory, mapped = values["VmRSS"] / 1024, values["VmSize"] / 1024
    return Sample(seconds, memory, descriptors, values["Threads"], mapped)


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope:
    """The least-squares line through the means of :data:`BLOCKS` blocks.

    Args:
        seconds: of each value, ascending.
        values: at least one for each block.

    Raises:
        ValueError: there are too few.
    """
    if len(values) < BLOCKS:
        raise ValueError(f"{len(values)} samples are too few for {BLOCKS} blocks")
    hours = [float(np.mean(block)) / 3600 for block in np.array_split(seconds, BLOCKS)]
    means = [float(np.mean(block)) for block in np.array_split(values, BLOCKS)]
    line = linregress(hours, means)
    margin = float(t.ppf((1 + CONFIDENCE) / 2, BLOCKS - 2)) * line.stderr
    low, high = line.slope - margin, line.slope + margin
    return Slope(means[0], means[-1], line.slope, low, high, bool(low <= 0 <= high))
