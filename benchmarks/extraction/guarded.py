"""The same samples behind `guard`: which copies get through, which novel samples are stopped.

The guard is the one a user gets: `build_index` of the training folder without learned weights,
calibrated by leave-one-out; the pipelines are wrapped and called. The guard remembers its verdicts,
so that each image is checked once for all policies.
"""

from __future__ import annotations

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

from benchmarks.common.cache_key import code_key
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
from memguard.index import Index
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.duplicates import redundant_files
from memguard.pipelines.checker import CallCheck, Checker
from memguard.pipelines.policy import Action

POLICIES: Mapping[str, Policy] = {
    "flag": Policy("flag"),
    "block": Policy("block"),
    "block at similar": Policy("block", at="similar"),
    "raise": Policy("raise"),
}
"""The policies that act on what was generated; `regenerate` generates something new."""
BATCH_IMAGES = 16
"""Images checked at once."""

AreCopies = Callable[[Sequence[Image.Image]], NDArray[np.bool_]]


CODE = code_key("pipelines", "lifecycle.py", "sources")
"""The key of the memguard that builds and guards, as it was when this module was imported."""


class RememberingChecker(Checker):
    """Checks each image once."""

    @cached_property
    def _known(self) -> dict[bytes, Verdict]:
        return {}

    def _detect(
        self, images: Sequence[Image.Image], call: CallCheck, end: float | None
    ) -> list[Verdict]:
        keys = [image.tobytes() for image in images]
        new = {key: image for key, image in zip(keys, images) if key not in self._known}
        waiting = list(new)
        for start in range(0, len(waiting), BATCH_IMAGES):
            part = waiting[start : start + BATCH_IMAGES]
            verdicts = super()._detect([new[key] for key in part], call, end)
            self._known.update(zip(part, verdicts))
        return [self._known[key] for key in keys]


class RememberingGuard(Guard):
    """A guard that checks each image once."""

    def __init__(self, index: Index, *, policy: Policy | Action = "block") -> None:
        super().__init__(index, policy=policy)
        self._checker = RememberingChecker(self.index, on_error=self.on_error)


@dataclass(frozen=True)
class Outcome:
    """What each policy did to the samples of one model.

    Attributes:
        stopped: policy to whether it stopped each sample; see :func:`stopped_by`.
    """

    stopped: Mapping[str, NDArray[np.bool_]]

    def figures(self, copies: NDArray[np.bool_], others: NDArray[np.bool_]) -> dict[str, Any]:
        """By policy: copies that got through, and others that were stopped."""
        return {
            "copies": int(copies.sum()),
            "others": int(others.sum()),
            "policies": {
                name: {
                    "copies through": int((copies & ~stopped).sum()),
                    "others stopped": int((others & stopped).sum()),
                    "stopped": int(stopped.sum()),
                }
                for name, stopped in self.stopped.items()
            },
        }


@dataclass(frozen=True)
class Regenerated:
    """What a call of the real pipeline with policy `regenerate` returned.

    Attributes:
        first: the images of the first attempt.
        shown: the images that the caller got, some of them placeholders.
        verdicts: on the last attempts, with their numbers.
        blocked: which images are placeholders, because every attempt was a copy.
    """

    first: Sequence[Image.Image]
    shown: Sequence[Image.Image]
    verdicts: Sequence[Verdict]
    blocked: NDArray[np.bool_]

    def figures(self, are_copies: AreCopies) -> dict[str, Any]:
        """How many copies were regenerated and shown; `are_copies` is the ground truth."""
        attempts = np.array([verdict.attempt for verdict in self.verdicts])
        return {
            "images": len(self.first),
            "copies, first made": int(are_copies(self.first).sum()),
            "made again": int((attempts > 0).sum()),
            "attempts": int(attempts.sum()),
            "replaced by a new image": int(((attempts > 0) & ~self.blocked).sum()),
            "blocked after all": int(self.blocked.sum()),
            "copies shown": int((are_copies(self.shown) & ~self.blocked).sum()),
        }


def index_of(pictures: TrainingSet, cache: Path) -> Path:
    """The calibrated index of a training folder, from the cache if this code has built it before.

    Training sets that repeat the same pictures differently share one: an index holds each picture
    once, and no decision depends on its repeats.
    """
    distinct = sorted(example.levels.tobytes() for example in pictures.examples)
    return _build_once(pictures, cache / "indexes", distinct, calibrate=True)


def deduplicated(pictures: TrainingSet, cache: Path) -> TrainingSet:
    """The training set without the files that `memguard duplicates --redundant` names."""
    files = [
        example.levels.tobytes() + str(repeats).encode()
        for example, repeats in zip(pictures.examples, pictures.repeats)
    ]
    index = _build_once(pictures, cache / "deduplicated", files, calibrate=False)
    redundant = Counter(
        Path(uri).name.rsplit("-", 1)[0] for uri in redundant_files(DirectoryIndex.open(index))
    )
    left = [
        (example, repeats - redundant[example.name])
        for example, repeats in zip(pictures.examples, pictures.repeats)
        if repeats > redundant[example.name]
    ]
    return TrainingSet([example for example, _ in left], [repeats for _, repeats in left])


def _build_once(
    pictures: TrainingSet, cache: Path, contents: Iterable[bytes], *, calibrate: bool
) -> Path:
    """The index of a training folder, in a folder named by the code and the contents."""
    digest = hashlib.sha256(b"".join([CODE.encode(), *contents])).hexdigest()[:12]
    folder = cache / digest
    index = folder / "training.memguard"
    if not (folder / "done").is_file():
        training = pictures.write(folder / "training")
        build_index(training, index, weights={}, calibrate=calibrate, workers=0)
        (folder / "done").touch()
    return index


def guard_samples(index: Path, samples: Sequence[Image.Image]) -> Outcome:
    """Every sample through a guarded pipeline, under each policy; cached next to the index."""
    digest = hashlib.sha256(b"".join(sample.tobytes() for sample in samples)).hexdigest()[:12]
    cached = index.parent / f"outcome-{digest}.npz"
    if not cached.is_file():
        guard = RememberingGuard(open_index(index))
        guard.check(samples)
        stopped = {name: stopped_by(policy, guard, samples) for name, policy in POLICIES.items()}
        np.savez(cached, **stopped)  # type: ignore[arg-type]
    return Outcome(dict(np.load(cached)))


def stopped_by(policy: Policy, guard: Guard, samples: Sequence[Image.Image]) -> NDArray[np.bool_]:
    """Whether each sample is withheld by a guarded pipeline that returns nothing else.

    Under `flag`, which shows everything: whether the sample is labelled `similar` or `memorized`.
    """

    def replay(number: int) -> list[Image.Image]:
        return [samples[number]]

    guard.policy = policy
    guarded = guard.wrap(replay)
    found = []
    for number, sample in enumerate(samples):
        try:
            (shown,) = guarded(number)
        except MemorizedImageError:
            found.append(True)
            continue
        (verdict,) = guard.last_verdicts
        labelled = policy.action == "flag" and verdict.label in ("similar", "memorized")
        found.append(shown is not sample or labelled)
    return np.array(found)


def regenerate(index: Path, sampler: Sampler, count: int, seed: int) -> Regenerated:
    """`count` images of a pipeline whose memorized images are regenerated."""
    guard = RememberingGuard(open_index(index), policy="regenerate")
    first = sampler(count, torch.Generator().manual_seed(seed)).images
    output = guard.wrap(sampler)(count, torch.Generator().manual_seed(seed))
    verdicts = output.memorization
    blocked = np.array([guard.policy.acts_on(verdict) for verdict in verdicts])
    return Regenerated(first, output.images, verdicts, blocked)


def calibration_of(index: Path) -> dict[str, Any]:
    """The index's calibration as JSON values, with a count of its contaminated negatives."""
    calibration = Calibration.of(open_index(index))
    assert calibration is not None
    return {**calibration.to_json(), "set_aside": len(calibration.contaminated)}
