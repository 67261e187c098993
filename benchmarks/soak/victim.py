"""A process that checks while faults come over it, and prints what became of each image.

    python -m benchmarks.soak.victim INDEX LOG IMAGES FAULT SEED SECONDS

IMAGES is a folder of PNG files, ``ROLE__NAME``. FAULT is one that the process does to itself,
``failing calls``, ``truncated`` or ``memory``, in every second span of its calls, or ``none``.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import cast

import cv2
import faiss
import numpy as np
from PIL import Image

from benchmarks.soak.calls import Moving, ask, returned
from benchmarks.soak.pictures import Asked, Role
from benchmarks.soak.samples import sample
from memguard import Guard
from memguard.pipelines.checker import REOPEN_SECONDS

CONTROL = "SOAK_CONTROL"
"""Names the file by which io_errors.c is turned on."""
FAILING_CALLS = (8, 128)
"""How many of 256 calls fail, at least and at most; drawn anew for each span."""
SPAN_CALLS = 6
MOST_FREE_MIB = 4
"""What the process may still take in where memory is short; drawn anew for each span."""


def main() -> None:
    index, log, images = map(Path, sys.argv[1:4])
    rng = np.random.default_rng(int(sys.argv[5]))
    cv2.setNumThreads(0)
    faiss.omp_set_num_threads(1)
    asked = load_asked(images)
    faults: dict[str, Callable[[], AbstractContextManager[None]]] = {
        "none": contextlib.nullcontext,
        "failing calls": lambda: failing_calls(Path(os.environ[CONTROL]), rng),
        "truncated": lambda: truncated(index, rng),
        "memory": lambda: short_of_memory(rng),
    }
    fault = faults[sys.argv[4]]
    guard = Guard(index, audit_log=log)
    pipeline, call = guard.wrap(returned), 0
    ends = time.monotonic() + float(sys.argv[6])
    while time.monotonic() < ends:
        for during, span in ((False, contextlib.nullcontext()), (True, fault())):
            with span:
                for _ in range(SPAN_CALLS):
                    one = asked[int(rng.integers(len(asked)))]
                    answer = ask(
                        pipeline, guard, one, f"soak-{os.getpid()}-{call}", Moving("shown")
                    )
                    print(json.dumps({**asdict(answer), "during": during}), flush=True)
                    call += 1


def load_asked(folder: Path) -> list[Asked]:
    """The images of a folder."""
    found = []
    for path in sorted(folder.iterdir()):
        role, _, name = path.name.partition("__")
        with Image.open(path) as image:
            found.append(Asked(name, cast(Role, role), image.convert("RGB")))
    return found


@contextlib.contextmanager
def failing_calls(control: Path, rng: np.random.Generator) -> Iterator[None]:
    """Let reads and writes of the index and the log fail (io_errors.c)."""
    if "io_errors.so" not in Path("/proc/self/maps").read_text(encoding="utf-8"):
        raise RuntimeError("io_errors.so is not loaded, so nothing would fail")
    with control.open("r+b", buffering=0) as file:
        file.write(bytes([int(rng.integers(*FAILING_CALLS))]))
        try:
            yield
        finally:
            file.seek(0)
            file.write(b"\0")
            time.sleep(REOPEN_SECONDS)


@contextlib.contextmanager
def truncated(index: Path, rng: np.random.Generator) -> Iterator[None]:
    """Cut a file of the index that searches read, in place; put a whole one back by renaming."""
    files = [one for one in sorted((index / "ann").iterdir()) if one.is_file()]
    files += sorted((index / "records.lance").rglob("*.lance"))
    file = files[int(rng.integers(len(files)))]
    data = file.read_bytes()
    os.truncate(file, int(rng.integers(len(data))))
    try:
        yield
    finally:
        whole = file.with_name(f"{file.name}.whole")
        whole.write_bytes(data)
        whole.replace(file)
        time.sleep(REOPEN_SECONDS)


@contextlib.contextmanager
def short_of_memory(rng: np.random.Generator) -> Iterator[None]:
    """Limit the address space to what is in use and a little more."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = sample().address_space
    limit = int((used + rng.uniform(0, MOST_FREE_MIB)) * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


if __name__ == "__main__":
    main()
