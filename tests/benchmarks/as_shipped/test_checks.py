"""A small index as shipped, and what its guard finds."""

from __future__ import annotations

from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from benchmarks.as_shipped.checks import check_task, promise, task_folder
from benchmarks.common.pictures import Picture
from benchmarks.detection.splits import CLEAN, Query, Task


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    folder = tmp_path_factory.mktemp("pictures")
    pictures = {}
    for name in ("astronaut", "chelsea", "coffee", "rocket", "camera"):
        path = folder / f"{name}.png"
        image = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
        image.thumbnail((256, 256))
        image.save(path)
        pictures[name] = Picture(path, "photograph", name)
    novel = pictures.pop("camera")
    queries = [
        Query(pictures["chelsea"], "copy", "jpeg 30", "photograph"),
        Query(pictures["coffee"], "copy", "upside down", "photograph"),
        Query(novel, "test", CLEAN, "photograph"),
    ]
    return Task("tiny", list(pictures.values()), queries, [], sscd=False)


def test_copies_are_blocked_novel_pictures_are_not_and_verdicts_are_kept(
    task: Task, tmp_path: Path
) -> None:
    said: list[str] = []
    checks = check_task(tmp_path, task, thorough=True, say=said.append)
    assert [one.is_blocked for one in checks] == [True, True, False]
    assert checks[0].nearest == "chelsea.png"
    assert checks[0].blocked_by
    assert len(said) == 2
    assert check_task(tmp_path, task, thorough=True, say=said.append) == checks
    assert len(said) == 2
    assert promise(tmp_path, task).target == 0.001
    assert (task_folder(tmp_path, task) / "index.memguard" / "calibration.json").exists()
