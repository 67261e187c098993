"""``guard`` and ``Guard``: outputs of every kind, options, threads, where the index is named."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fixtures.guarded_images import (
    COPY,
    NOVEL,
    Frozen,
    drawing,
    is_blank,
    shows_the_sea,
    two,
    unit,
)

import memguard
from memguard import ConfigurationError, Guard, NoVerdictsError, guard, open_index

RETURNED: dict[str, Callable[[], Any]] = {
    "one image": lambda: drawing(COPY),
    "list": lambda: [drawing(COPY)],
    "nested": lambda: [[drawing(COPY)], [drawing(COPY)]],
    "array": lambda: unit(COPY),
    "batch": lambda: np.stack([unit(COPY)] * 2),
    "tensor": lambda: torch.from_numpy(unit(COPY)).permute(2, 0, 1),
    "signed tensors": lambda: torch.from_numpy(unit(COPY)).permute(2, 0, 1)[None] * 2 - 1,
    "dict": lambda: {"images": [drawing(COPY)], "seed": 3},
    "image and seed": lambda: (drawing(COPY), 3),
    "two arrays": lambda: (unit(COPY), unit(COPY)),
}


@pytest.mark.parametrize("returned", RETURNED)
def test_any_output(returned: str, index: Path) -> None:
    guarded = guard(RETURNED[returned], index)
    output, original = guarded(), RETURNED[returned]()
    assert type(output) is type(original)
    assert {verdict.label for verdict in guarded.last_verdicts} == {"memorized"}
    for value, before in zip(values(output), values(original), strict=True):
        assert is_blank(value)
        assert np.asarray(value).shape == np.asarray(before).shape


def values(output: Any) -> list[Any]:
    if isinstance(output, dict):
        return values(output["images"])
    if isinstance(output, (list, tuple)):
        return [value for each in output if not isinstance(each, int) for value in values(each)]
    return [output]


def test_an_output_that_takes_no_attribute_has_its_verdicts_in_the_pipeline(index: Path) -> None:
    guarded = guard(lambda: Frozen([drawing(NOVEL)]), index)
    assert not hasattr(guarded(), "memorization")
    assert len(guarded.last_verdicts) == 1


def test_check_is_the_same_check_without_a_pipeline(index: Path) -> None:
    checker = Guard(index)
    (one,) = checker.check(drawing(COPY))
    novel, again = checker.check(two())
    assert one == again
    assert one.label == "memorized"
    assert Path(one.matches[0].uri).name == f"{COPY}.png"
    assert novel.label != "memorized"
    assert checker.check([]) == []


def test_a_guard_prints_its_index_and_policy(index: Path) -> None:
    assert repr(Guard(index)) == f"<Guard of {index}: block>"
    shadow = repr(Guard(index, policy="shadow"))
    assert shadow == f"<Guard of {index}: block, enforced for 0.0% of requests>"


def test_verdicts_are_kept_per_thread(index: Path) -> None:
    guarded = guard(drawing, index)
    guarded(NOVEL)
    mine = guarded.last_verdicts
    met = threading.Barrier(2)
    seen: dict[int, Any] = {}

    def work(seed: int) -> None:
        with pytest.raises(NoVerdictsError):
            guarded.last_verdicts  # noqa: B018
        guarded(seed)
        met.wait(timeout=60)
        seen[seed] = guarded.last_verdicts

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (2, 3):
        (after,) = seen[seed]
        assert Path(after.matches[0].uri).name == f"{seed}.png"
    assert guarded.last_verdicts == mine


def test_one_guard_for_many_pipelines(pipeline: Any, index: Path) -> None:
    shared = Guard(open_index(index))
    assert is_blank(shared.wrap(drawing)(COPY))
    assert not shows_the_sea(shared.wrap(pipeline))
    assert len(shared.last_verdicts) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "forbid"}, "unknown policy 'forbid'"),
        ({"on_error": "ignore"}, "unknown on_error='ignore'; choose one of block, raise, pass"),
        ({"latents": "decoded"}, "unknown latents='decoded'; choose one of refuse, decode"),
    ],
)
def test_options_are_checked(index: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        guard(two, index, **options)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of a project, with no index named anywhere."""
    monkeypatch.delenv("MEMGUARD_INDEX", raising=False)
    (tmp_path / "project" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "deep")
    return tmp_path / "project"


def test_the_index_of_the_environment(
    elsewhere: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "pyproject.toml").write_text('[tool.memguard]\nindex = "nowhere"\n')
    monkeypatch.setenv("MEMGUARD_INDEX", str(index))
    assert is_blank(guard(drawing)(COPY))


def test_the_index_of_the_project(elsewhere: Path, index: Path) -> None:
    relative = os.path.relpath(index, elsewhere)
    (elsewhere / "pyproject.toml").write_text(f'[tool.memguard]\nindex = "{relative}"\n')
    assert is_blank(guard(drawing)(COPY))


def test_no_index_named_anywhere(elsewhere: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        guard(drawing)
    for way in ('guard(pipe, index="', "MEMGUARD_INDEX", "[tool.memguard]"):
        assert way in str(caught.value)


def test_no_index_at_the_path(tmp_path: Path) -> None:
    with pytest.raises(memguard.IndexUnavailableError, match=r"nothing\.memguard"):
        guard(drawing, tmp_path / "nothing.memguard")
