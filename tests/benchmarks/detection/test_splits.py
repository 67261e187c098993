"""The tasks of the detection benchmark, on tiny pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from benchmarks.common.pictures import Picture
from benchmarks.detection.splits import CLEAN, Task, tasks
from memguard.vision.transforms import SIMULATED_COPIES


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    """Two splits of photographs and drawings, of which the first measures recall."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    pictures = []
    for kind in ("photograph", "drawing"):
        for number in range(40):
            path = folder / f"{kind}-{number}.png"
            Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(path)
            pictures.append(Picture(path, kind, f"{kind} {number}"))
    return tasks(pictures, seeds=1, copied=2, novel=5, sscd_seeds=0, promise_seeds=2)[::2]


def sources(task: Task, role: str) -> set[str]:
    return {query.picture.path.name for query in task.queries if query.role == role}


def transforms(task: Task, role: str) -> Sequence[str]:
    return [query.transform for query in task.queries if query.role == role]


def test_negatives_are_no_references_and_each_has_one_role(planned: list[Task]) -> None:
    for task in planned:
        references = {picture.path.name for picture in task.references}
        calibration, test = sources(task, "calibration"), sources(task, "test")
        assert calibration
        assert test
        assert not references & calibration
        assert not references & test
        assert not calibration & test
        assert sources(task, "copy") <= references
        assert sources(task, "leave-one-out") <= references


def test_a_split_that_measures_recall_transforms_negatives(planned: list[Task]) -> None:
    full, clean = planned
    assert sorted(transforms(full, "copy")) == sorted([*SIMULATED_COPIES, *SIMULATED_COPIES])
    assert transforms(full, "test").count(CLEAN) == len(transforms(full, "test")) / 2
    assert set(transforms(clean, "test")) == {CLEAN}


def test_keys_are_unique(planned: list[Task]) -> None:
    for task in planned:
        assert len({query.key for query in task.queries}) == len(task.queries)


def test_every_call_gives_the_same_images(planned: list[Task]) -> None:
    queries = planned[0].queries[:20]
    first, second = ([np.asarray(image) for image in planned[0].images(queries)] for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
