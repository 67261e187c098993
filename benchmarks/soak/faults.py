"""Faults, each in a process of its own on a copy of the index."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.soak.accounts import compare, counts, passed_unchecked
from benchmarks.soak.calls import Answer
from benchmarks.soak.pictures import Asked
from benchmarks.soak.victim import CONTROL

FAULTS = (
    "killed",
    *(["full disk"] if os.geteuid() == 0 else []),
    *(["failing calls"] if shutil.which("cc") else []),
    "truncated",
    "memory",
)
"""To mount a small disk takes root; to make calls fail takes a C compiler."""
DONE_TO_ITSELF = ("failing calls", "truncated", "memory")
"""Faults that the process turns on and off."""
SHIM = Path(__file__).with_name("io_errors.c")
DISK = "1m"
"""Size of the file system that is filled."""
NO_RESERVE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
"""For glibc: every array of 64 KiB or more takes new address space, which a limit can refuse."""
START_SECONDS = 300.0
"""A victim may take to start."""


def save_asked(asked: Sequence[Asked], folder: Path) -> Path:
    """The images for :mod:`benchmarks.soak.victim`, without those of moving references."""
    folder.mkdir()
    for one in asked:
        if one.role != "moving":
            one.image.save(folder / f"{one.role}__{one.name}", compress_level=1)
    return folder


def suffer(
    fault: str, index: Path, images: Path, folder: Path, seconds: float, seed: int
) -> dict[str, Any]:
    """Let a process check while a fault comes over it, and count what became of every image.

    Args:
        fault: of :data:`FAULTS`.
        index: is copied.
        images: see :func:`save_asked`.
        folder: for the copy and the log; must not exist.
        seconds: of the process, its start not counted.
        seed: of the moments.
    """
    folder.mkdir()
    copy = Path(shutil.copytree(index, folder / "index.memguard"))
    rng = np.random.default_rng(seed)
    with contextlib.ExitStack() as stack:
        place, where = folder / "log", "the same disk"
        place.mkdir()
        if fault == "full disk":
            where = stack.enter_context(_small_disk(place))
        log = place / "audit.jsonl"
        own = fault if fault in DONE_TO_ITSELF else "none"
        command = [sys.executable, "-m", "benchmarks.soak.victim", copy, log, images, own]
        said = stack.enter_context((folder / "said.jsonl").open("w+", encoding="utf-8"))
        errors = stack.enter_context((folder / "errors.txt").open("w", encoding="utf-8"))
        victim = subprocess.Popen(
            [*map(str, command), str(seed), str(seconds)],
            stdout=said,
            stderr=errors,
            env={**os.environ, **_environment(fault, folder)},
        )
        injected = 0
        _wait_for_line(victim, folder / "said.jsonl")
        if fault == "killed":
            time.sleep(float(rng.uniform(0, seconds)))
            victim.send_signal(signal.SIGKILL)
            injected = 1
        if fault == "full disk":
            injected = _fill(victim, place, rng)
        status = victim.wait()
        lines = (folder / "said.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        during = [row.pop("during") for row in rows]
        answers = [Answer(**row) for row in rows]
        logged = compare(log, answers)
    if fault in DONE_TO_ITSELF:
        injected = sum(now and not before for before, now in zip([False, *during], during))
    return {
        "fault": fault,
        "log on": where,
        "injected": injected,
        "status": status,
        "during": counts([one for one, now in zip(answers, during) if now or own == "none"]),
        "after": counts([one for one, now in zip(answers, during) if not now and own != "none"]),
        "passed unchecked": passed_unchecked(answers),
        "logged": asdict(logged),
    }


def _environment(fault: str, folder: Path) -> dict[str, str]:
    """What the process needs so that the fault can come over it."""
    if fault == "memory":
        return NO_RESERVE
    if fault != "failing calls":
        return {}
    control, shim = folder / "share", folder / "io_errors.so"
    control.write_bytes(b"\0")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", shim, SHIM, "-ldl"], check=True)
    return {CONTROL: str(control), "LD_PRELOAD": str(shim)}


@contextlib.contextmanager
def _small_disk(place: Path) -> Iterator[str]:
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    subprocess.run(command, check=True)
    try:
        yield f"a tmpfs of {DISK}"
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _wait_for_line(victim: subprocess.Popen[bytes], said: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while victim.poll() is None and not said.stat().st_size:
        if time.monotonic() > ends:
            victim.kill()
            raise TimeoutError("the victim does not start")
        time.sleep(0.1)


def _fill(victim: subprocess.Popen[bytes], place: Path, rng: np.random.Generator) -> int:
    """Fill the disk and free it again, at random moments; how often."""
    filler, times = place / "filler", 0
    while victim.poll() is None:
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        times += 1
        time.sleep(float(rng.uniform(0.5, 3)))
        filler.unlink()
        time.sleep(float(rng.uniform(0.5, 3)))
    return times
