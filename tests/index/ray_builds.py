"""Builds with a small Ray cluster: one that is interrupted, then the same again.

python ray_builds.py IMAGES INDEX SUMMARY
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest
import ray

from memguard.descriptors import weightless_descriptors
from memguard.errors import BuildError
from memguard.index import builder, ray_build
from memguard.index.builder import build
from memguard.sources import Folder


class InterruptedHereError(Exception):
    pass


def interrupt(progress):
    if progress.done >= 8:
        raise InterruptedHereError


def main() -> None:
    images, index, summary = map(Path, sys.argv[1:])
    ray_build.CHUNK = builder.STEP_IMAGES = 4
    descriptors = weightless_descriptors()

    def start(address, on_progress):
        on_ray = ray_build.on_ray(address, [one.spec for one in descriptors])
        return build(Folder(images), index, descriptors, read_ahead=on_ray, on_progress=on_progress)

    with pytest.raises(BuildError, match="the Ray cluster at auto failed"):
        start("auto", print)
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=80 << 20)
    with pytest.raises(InterruptedHereError):
        start("auto", interrupt)
    finished = start("auto", print)
    ray.shutdown()
    summary.write_text(json.dumps(dataclasses.asdict(finished)))


if __name__ == "__main__":
    main()
