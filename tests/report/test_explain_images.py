"""Many images explained: none of them stops the others, and none passes unchecked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memguard import ConfigurationError, Detector, explain_images


def test_a_check_that_fails_is_no_all_clear(
    detector: Detector, cat: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(type(detector.index), "search", fail)
    (case,) = explain_images(cat, detector).cases
    assert (case.label, case.finding) == (
        "unchecked",
        "This image was not checked, so nothing is known about it: cannot be checked: "
        "RuntimeError: the disk is gone.",
    )
    with pytest.raises(ConfigurationError, match="takes one image"):
        explain_images([[cat, cat]], detector)


def test_one_or_many_in_any_form(detector: Detector, cat: Image.Image, tmp_path: Path) -> None:
    cat.save(tmp_path / "a.png")
    (tmp_path / "b").mkdir()
    cat.resize((200, 133)).save(tmp_path / "b" / "b.png")
    done: list[tuple[int, int]] = []
    dossier = explain_images(
        [tmp_path / "a.png", str(tmp_path / "b"), np.asarray(cat)],
        detector,
        on_progress=lambda *counts: done.append(counts),
    )
    names = [f"{tmp_path}/a.png", f"{tmp_path}/b/b.png", "image 3"]
    assert [case.name for case in dossier.cases] == names
    assert {case.label for case in dossier.cases} == {"memorized"}
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert dossier.command.startswith("memguard.explain_images(images, ")
    alone = explain_images(tmp_path / "a.png", detector)
    assert alone.command == f"memguard explain {tmp_path}/a.png -i {detector.index.name}"
    assert len(explain_images(cat, detector).cases) == 1
