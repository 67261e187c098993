"""The training sets and queries, on tiny pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.as_shipped.tasks import (
    COPIES,
    EVASIONS,
    QUICK,
    evasion_task,
    real_evasion_task,
    series_tasks,
)
from benchmarks.common.pictures import Picture
from benchmarks.detection.splits import Task

SIZE = replace(QUICK, splits=2, references=8, copied=2, novel=6, evaded=3, novel_evaded=2)


def noise(path: Path) -> Path:
    rng = np.random.default_rng(len(str(path)))
    Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Task, Task]]:
    folder = tmp_path_factory.mktemp("pictures")
    pictures = [
        Picture(noise(folder / f"{beginning}-{number}.png"), kind, f"{beginning} {number}")
        for beginning, kind in (("stamp", "photograph"), ("cut", "photograph"), ("d", "drawing"))
        for number in range(30)
    ]
    return series_tasks(pictures, SIZE, folder)


def test_sets_without_and_with_series_have_the_same_queries(
    pairs: list[tuple[Task, Task]],
) -> None:
    for plain, with_series in pairs:
        assert plain.queries == with_series.queries
        assert set(plain.references) < set(with_series.references)
        assert len(with_series.references) >= 3 * len(plain.references)
        copies = [query for query in plain.queries if query.role == "copy"]
        assert len(copies) == 2 * len(COPIES)
        assert {query.picture for query in copies} <= set(plain.references)


def test_novel_pictures_are_of_other_sources(pairs: list[tuple[Task, Task]]) -> None:
    for _, with_series in pairs:
        groups = {one.group for one in with_series.references}
        novel = [query.picture for query in with_series.queries if query.role == "test"]
        assert len(novel) == SIZE.novel
        assert not groups & {one.group for one in novel}


def test_evaders_take_photographs_that_fill_their_frame_first(
    pairs: list[tuple[Task, Task]],
) -> None:
    plain = pairs[0][0]
    task = evasion_task(plain, SIZE)
    copied = {query.picture for query in task.queries if query.role == "copy"}
    full = {one for one in plain.references if one.path.name.startswith("cut-")}
    assert len(copied) == SIZE.evaded
    assert all(one.kind == "photograph" for one in copied)
    assert copied <= full or full <= copied
    assert {query.transform for query in task.queries} == set(EVASIONS)


def test_evasions_of_real_training_pictures(tmp_path: Path) -> None:
    for kind in ("train", "novel"):
        (tmp_path / kind).mkdir()
        for number in range(5):
            noise(tmp_path / kind / f"{kind}{number}__x.png")
    task = real_evasion_task(tmp_path, SIZE)
    assert len(task.references) == 5
    assert len(task.others) == 2
    assert not {one.path for one in task.others} & {query.picture.path for query in task.queries}
    roles = [query.role for query in task.queries]
    assert roles.count("copy") == 3 * len(EVASIONS)
    assert roles.count("test") == 2 * len(EVASIONS)
    for query in task.queries:
        assert query.picture.path.parent.name == {"copy": "train", "test": "novel"}[query.role]
