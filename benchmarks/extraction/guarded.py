"""The same samples behind `guard`: what gets through each policy, and what is blocked for nothing.

The guard is the one a user gets: `build_index` of the training folder without learned weights,
calibrated by leave-one-out; the pipelines are wrapped and called. Only its check is remembered, so
that each image is checked once, however many policies are tried.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import memguard
from benchmarks.extraction.pictures import TrainingSet
from benchmarks.extraction.train import Sampler
from memguard import (
    Calibration,
    Guard,
    MemorizedImageError,
    Policy,
    Verdict,
    build_index,
    open_index,
)
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.duplicates import redundant_files

POLICIES: Mapping[str, Policy] = {
    "flag": Policy("flag"),
    "block": Policy("block"),
    "block at similar": Policy("block", at="similar"),
    "raise": Policy("raise"),
}
"""The policies that settle what was made; `regenerate` makes something new."""
BATCH = 16
"""Images checked at once."""

AROUND = ("auditing", "cli", "demo", "report", "service")
"""Parts of memguard that decide nothing about an image."""

Copies = Callable[[Sequence[Image.Image]], NDArray[np.bool_]]


class RememberingGuard(Guard):
    """A guard that checks an image once."""

    @cached_property
    def _known(self) -> dict[bytes, Verdict]:
        return {}

    def check(self, images: Image.Image | Sequence[Image.Image]) -> list[Verdict]:
        batch = [images] if isinstance(images, Image.Image) else list(images)
        keys = [image.tobytes() for image in batch]
        new = {key: image for key, image in zip(keys, batch) if key not in self._known}
        waiting = list(new)
        for start in range(0, len(waiting), BATCH):
            part = waiting[start : start + BATCH]
            verdicts = super().check([new[key] for key in part])
            self._known.update(zip(part, verdicts))
        return [self._known[key] for key in keys]


@dataclass(frozen=True)
class Judged:
    """What each policy did to the samples of one model.

    Attributes:
        stopped: policy to whether each sample was stopped; see :func:`stopped_by`.
    """

    stopped: Mapping[str, NDArray[np.bool_]]

    def figures(self, copies: NDArray[np.bool_], others: NDArray[np.bool_]) -> dict[str, Any]:
        """By policy: copies that got through, and others that were stopped for nothing."""
        return {
            "copies": int(copies.sum()),
            "others": int(others.sum()),
            "policies": {
                name: {
                    "copies through": int((copies & ~held).sum()),
                    "others stopped": int((others & held).sum()),
                    "stopped": int(held.sum()),
                }
                for name, held in self.stopped.items()
            },
        }


@dataclass(frozen=True)
class Regenerated:
    """What a call of the real pipeline with policy `regenerate` returned.

    Attributes:
        first: the images as they were first made.
        shown: what the caller got, a placeholder where copies were made again and again.
        verdicts: of what was made last, with its number of attempts.
        held: where the placeholder stands.
    """

    first: Sequence[Image.Image]
    shown: Sequence[Image.Image]
    verdicts: Sequence[Verdict]
    held: NDArray[np.bool_]

    def figures(self, copies: Copies) -> dict[str, Any]:
        """What came of the copies; `copies` tells which of some images are copies, in truth."""
        tries = np.array([verdict.attempt for verdict in self.verdicts])
        return {
            "images": len(self.first),
            "copies, first made": int(copies(self.first).sum()),
            "made again": int((tries > 0).sum()),
            "attempts": int(tries.sum()),
            "replaced by a new image": int(((tries > 0) & ~self.held).sum()),
            "blocked after all": int(self.held.sum()),
            "copies shown": int((copies(self.shown) & ~self.held).sum()),
        }


def index_of(pictures: TrainingSet, cache: Path) -> Path:
    """The calibrated index of a training folder, built by this very memguard, or found.

    Found even if it was built of other numbers of copies: an index holds each picture once, and
    no decision depends on its copies.
    """
    distinct = sorted(example.levels.tobytes() for example in pictures.examples)
    return _built(pictures, cache / "indexes", distinct, calibrate=True)


def deduplicated(pictures: TrainingSet, cache: Path) -> TrainingSet:
    """What is left of a training folder without the files that `memguard duplicates --redundant`
    lists."""
    repeated = [
        example.levels.tobytes() + str(copies).encode()
        for example, copies in zip(pictures.examples, pictures.copies)
    ]
    index = _built(pictures, cache / "deduplicated", repeated, calibrate=False)
    redundant = Counter(
        Path(uri).name.rsplit("-", 1)[0] for uri in redundant_files(DirectoryIndex.open(index))
    )
    left = [
        (example, copies - redundant[example.name])
        for example, copies in zip(pictures.examples, pictures.copies)
        if copies > redundant[example.name]
    ]
    return TrainingSet([example for example, _ in left], [copies for _, copies in left])


def _built(pictures: TrainingSet, kept: Path, told_by: Iterable[bytes], *, calibrate: bool) -> Path:
    """The index of a training folder, built by this very memguard, or found by what tells it."""
    digest = hashlib.sha256(b"".join([source().encode(), *told_by])).hexdigest()[:12]
    folder = kept / digest
    index = folder / "training.memguard"
    if not (folder / "done").is_file():
        training = pictures.write(folder / "training")
        build_index(training, index, weights={}, calibrate=calibrate, workers=0)
        (folder / "done").touch()
    return index


def source() -> str:
    """Names the memguard that checks: the digest of its modules, but for the commands around it."""
    root = Path(memguard.__file__).parent
    files = sorted([*root.rglob("*.py"), *root.glob("*.npz")])
    deciding = [file for file in files if file.relative_to(root).parts[0] not in AROUND]
    return hashlib.sha256(b"".join(file.read_bytes() for file in deciding)).hexdigest()[:12]


def judged(index: Path, samples: Sequence[Image.Image]) -> Judged:
    """Every sample through a guarded pipeline, under each policy; kept beside the index."""
    digest = hashlib.sha256(b"".join(sample.tobytes() for sample in samples)).hexdigest()[:12]
    kept = index.parent / f"judged-{digest}.npz"
    if not kept.is_file():
        guard = RememberingGuard(open_index(index))
        guard.check(samples)
        stopped = {name: stopped_by(policy, guard, samples) for name, policy in POLICIES.items()}
        np.savez(kept, **stopped)  # type: ignore[arg-type]
    return Judged(dict(np.load(kept)))


def stopped_by(policy: Policy, guard: Guard, samples: Sequence[Image.Image]) -> NDArray[np.bool_]:
    """Whether a guarded pipeline that makes just this sample does not show it, for each sample.

    Under `flag`, which shows everything: whether the sample comes labelled `similar` or
    `memorized`.
    """

    def replay(position: int) -> list[Image.Image]:
        return [samples[position]]

    guard.policy = policy
    guarded = guard.wrap(replay)
    found = []
    for position, made in enumerate(samples):
        try:
            (seen,) = guarded(position)
        except MemorizedImageError:
            found.append(True)
            continue
        (verdict,) = guard.last_verdicts
        labelled = policy.action == "flag" and verdict.label in ("similar", "memorized")
        found.append(seen is not made or labelled)
    return np.array(found)


def regenerated(index: Path, sampler: Sampler, count: int, seed: int) -> Regenerated:
    """`count` images of a pipeline that makes memorized ones again."""
    guard = RememberingGuard(open_index(index), policy="regenerate")
    first = sampler(count, torch.Generator().manual_seed(seed)).images
    output = guard.wrap(sampler)(count, torch.Generator().manual_seed(seed))
    verdicts = output.memorization
    held = np.array([guard.policy.acts_on(verdict) for verdict in verdicts])
    return Regenerated(first, output.images, verdicts, held)


def calibration_of(index: Path) -> dict[str, Any]:
    """How the index was calibrated, for the record."""
    calibration = Calibration.read(index)
    assert calibration is not None
    data = dataclasses.asdict(calibration)
    return {**data, "set_aside": len(calibration.set_aside)}
