"""Runs one build again and again, each in a forked process that is killed at another moment.

    python killing.py IMAGES TARGET [BASE]
    python killing.py --compact TARGET BASE

Copy number n of BASE (an index to grow; or nothing) is TARGET/step-n: its build kills itself
with SIGKILL just before its n-th step that changes the disk. TARGET/time-n is killed from
outside after a share of the time that a whole build takes. A compaction likewise. (Forking is
sound here: this process itself never runs FAISS or Lance.)
"""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lance
from lance.dataset import DatasetOptimizer

from memguard.descriptors import weightless_descriptors
from memguard.index import builder
from memguard.index.compaction import compact
from memguard.sources import Folder

SHARES = (0.2, 0.5, 0.7, 0.9)


def die_before(step: int) -> None:
    """Count the calls that change the disk, and die instead of making number ``step``."""
    made = itertools.count()

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def counted(*args: Any, **options: Any) -> Any:
            if next(made) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **options)

        return counted

    os.replace = dying(os.replace)
    os.unlink = dying(os.unlink)
    lance.write_dataset = dying(lance.write_dataset)
    for name in ("delete", "cleanup_old_versions"):
        setattr(lance.LanceDataset, name, dying(getattr(lance.LanceDataset, name)))
    DatasetOptimizer.compact_files = dying(DatasetOptimizer.compact_files)
    Path.unlink = dying(Path.unlink)  # type: ignore[method-assign]
    Path.mkdir = dying(Path.mkdir)  # type: ignore[method-assign]


def start(images: Path | None, output: Path, base: Path | None, step: int = -1) -> int:
    """Fork a build, or a compaction where there are no images, and return its process id."""
    if base:
        shutil.copytree(base, output)
    process = os.fork()
    if process == 0:
        builder.CHUNK = builder.STEP_IMAGES = 4
        die_before(step)
        if images:
            builder.build(Folder(images), output, weightless_descriptors(), workers=0)
        else:
            compact(output)
        os._exit(0)
    return process


def main() -> None:
    first, *others = sys.argv[1:]
    target, *rest = map(Path, others)
    images = None if first == "--compact" else Path(first)
    base = rest[0] if rest else None
    seconds = 0.0
    for step in itertools.count():
        output = target / f"step-{step}"
        started = time.monotonic()
        _, status = os.waitpid(start(images, output, base, step), 0)
        if status == 0:
            seconds = time.monotonic() - started
            break
        assert os.WTERMSIG(status) == signal.SIGKILL, status
    for number, share in enumerate(SHARES):
        process = start(images, target / f"time-{number}", base)
        time.sleep(seconds * share)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


if __name__ == "__main__":
    main()
