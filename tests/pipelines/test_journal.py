"""What a guard writes into its audit log, line by line."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import pytest
from fixtures.calibrations import Calibrated
from fixtures.guarded_images import COPY, NOVEL, QUICK, counted, drawing, generator, two, unit
from PIL import Image

from memguard import (
    AuditLog,
    Calibration,
    ConfigurationError,
    Guard,
    UnsupportedOutputError,
    __version__,
    add_images,
    guard,
    open_index,
    request_key,
)
from memguard.audit_log.entry import Line
from memguard.audit_log.hashes import image_sha256
from memguard.audit_log.verify import verify
from memguard.detection.detector import Detector


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a log that is whole and fits the schema."""
    assert verify(path).findings == []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        assert set(line) == set(Line.__struct_fields__)
        msgspec.convert(line, Line)
    return lines


def make(prompt: Any) -> Any:
    return two()


def test_a_line_has_what_was_checked_by_what_with_which_answer(index: Path, path: Path) -> None:
    guarded = guard(make, index, audit_log=path)
    before = datetime.datetime.now(datetime.timezone.utc)
    with request_key("order 7"):
        guarded("the sea")
    novel, copied = lines_of(path)
    opened, verdict = open_index(index), guarded.last_verdicts[1]
    assert before.isoformat(timespec="milliseconds")[:23] <= copied["time"][:23]
    assert copied["time"].endswith("Z")
    assert copied["index"] == {
        "name": str(index),
        "revision": 1,
        "fingerprint": opened.manifest.fingerprint,
    }
    assert copied["policy"] == {
        "action": "block",
        "at": "memorized",
        "attempts": 3,
        "enforce": 1.0,
        "enforced": True,
    }
    same = {
        "schema": 1,
        "memguard": __version__,
        "request": "order 7",
        "images": 2,
        "attempt": 0,
        "prompt_sha256": hashlib.sha256(b"the sea").hexdigest(),
        "calibration": None,
        "thorough": False,
        "on_error": "block",
        "trial": None,
        "would": None,
    }
    for line in (novel, copied):
        assert {name: line[name] for name in same} == same
    assert (novel["position"], novel["label"], novel["action"]) == (0, "clear", "shown")
    assert (copied["position"], copied["label"], copied["action"]) == (1, "memorized", "blocked")
    assert novel["image_sha256"] == image_sha256(drawing(NOVEL))
    assert copied["image_sha256"] == image_sha256(drawing(COPY)), "not that of the placeholder"
    assert copied["why"] == verdict.why
    assert copied["score"] == verdict.score
    assert copied["matches"][0] == {
        "id": verdict.matches[0].id,
        "uri": verdict.matches[0].uri,
        "view": "as is",
        "distances": verdict.matches[0].distances,
        "shared_by": 0,
        "exempt": None,
    }
    assert copied["signals"] == [
        {
            "name": one.name,
            "distance": one.distance,
            "similar": one.similar,
            "memorized": one.memorized,
        }
        for one in verdict.signals
    ]
    assert {"phash256", "copy_evidence"} <= set(copied["ran"])
    stages = copied["milliseconds"]
    assert stages["check"] >= stages["describe"] + stages["search"] + stages["compare"]
    assert min(stages[name] for name in ("generate", "describe", "compare", "decide")) > 0


def test_the_image_and_the_prompt_are_not_in_the_log(
    index: Path, pipeline: Any, path: Path
) -> None:
    guard(pipeline, index, audit_log=path)("the sea", **QUICK, generator=generator())
    assert "the sea" not in path.read_text()
    (line,) = lines_of(path)
    assert line["prompt_sha256"] == hashlib.sha256(b"the sea").hexdigest()


def test_each_image_has_the_hash_of_its_own_prompt(index: Path, path: Path) -> None:
    guard(lambda prompt: two() + two(), index, audit_log=path)(["a", "b"])
    hashes = [line["prompt_sha256"] for line in lines_of(path)]
    a, b = (hashlib.sha256(text).hexdigest() for text in (b"a", b"b"))
    assert hashes == [a, a, b, b]


@pytest.mark.parametrize("prompt", [None, 7, [], [7]])
def test_what_is_no_text_has_no_hash(index: Path, path: Path, prompt: Any) -> None:
    guard(make, index, audit_log=path)(prompt)
    assert [line["prompt_sha256"] for line in lines_of(path)] == [None, None]


def test_each_attempt_is_a_line(index: Path, path: Path) -> None:
    again = counted([drawing(COPY), drawing(2), drawing(NOVEL)])
    guard(again, index, policy="regenerate", audit_log=path)()
    found = [
        (line["position"], line["attempt"], line["label"], line["action"], line["image_sha256"])
        for line in lines_of(path)
    ]
    assert found == [
        (1, 0, "memorized", "discarded", image_sha256(drawing(COPY))),
        (1, 1, "memorized", "discarded", image_sha256(drawing(2))),
        (0, 0, "clear", "shown", image_sha256(drawing(NOVEL + 1))),
        (1, 2, "clear", "regenerated", image_sha256(drawing(NOVEL))),
    ]
    assert "regenerate" in lines_of(path)[0]["milliseconds"]


def test_requests_that_are_checked_together_have_their_own_keys(index: Path, path: Path) -> None:
    checker = Guard(index, audit_log=path)
    found = checker.check_together({"a": [drawing(COPY), drawing(NOVEL)], "b": drawing(COPY)})
    assert [[verdict.label for verdict in found[key]] for key in "ab"] == [
        ["memorized", "clear"],
        ["memorized"],
    ]
    lines = [(one["request"], one["position"], one["images"]) for one in lines_of(path)]
    assert lines == [("a", 0, 2), ("a", 1, 2), ("b", 0, 1)]


class Uncopied:
    """An output whose images cannot be exchanged."""

    def __init__(self, image: Image.Image) -> None:
        self.images = [image]

    def __copy__(self) -> NoReturn:
        raise TypeError


def test_each_attempt_is_a_line_also_where_the_call_raises(index: Path, path: Path) -> None:
    made = iter([drawing(COPY), drawing(NOVEL)])
    guarded = guard(lambda: Uncopied(next(made)), index, policy="regenerate", audit_log=path)
    with pytest.raises(UnsupportedOutputError):
        guarded()
    found = [(line["attempt"], line["label"], line["action"]) for line in lines_of(path)]
    assert found == [(0, "memorized", "discarded"), (1, "clear", "raised")]


def test_a_line_names_the_index_that_was_checked_against(
    index: Path, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the guard has opened the next version before the line is written."""
    own = Path(shutil.copytree(index, tmp_path / "own.memguard"))
    checker = Guard(own, audit_log=path)
    (tmp_path / "new").mkdir()
    drawing(NOVEL).save(tmp_path / "new" / "new.png")
    add_images(tmp_path / "new", own, workers=0)
    detect, before = Detector.detect, checker.index.revision

    def reloaded_meanwhile(self: Detector, images: Any) -> Any:
        found = detect(self, images)
        checker.reload()
        return found

    monkeypatch.setattr(Detector, "detect", reloaded_meanwhile)
    checker.check(drawing(NOVEL))
    checker.wrap(lambda: [drawing(NOVEL)])()
    found = [(line["label"], line["index"]["revision"]) for line in lines_of(path)]
    assert found == [("clear", before), ("memorized", checker.index.revision)]
    assert checker.index.revision != before


def test_shadow_lines_say_what_would_have_been_done(index: Path, path: Path) -> None:
    guard(two, index, policy="shadow", audit_log=path)()
    novel, copied = lines_of(path)
    assert (novel["action"], novel["would"]) == ("shown", None)
    assert (copied["action"], copied["would"]) == ("shown", "blocked")
    assert copied["policy"]["enforce"] == 0
    assert copied["policy"]["enforced"] is False


def test_what_could_not_be_checked_is_a_line_too(index: Path, path: Path) -> None:
    images = np.stack([unit(NOVEL), unit(COPY)])
    images[0, 0, 0, 0] = np.nan
    guard(lambda: images, index, audit_log=path)()
    with pytest.raises(UnsupportedOutputError):
        guard(lambda: None, index, audit_log=path)()
    unread, copied, refused = lines_of(path)
    assert (unread["label"], unread["action"]) == ("unchecked", "blocked")
    assert unread["image_sha256"] is None
    assert unread["ran"] == unread["signals"] == unread["matches"] == []
    assert "NaN" in unread["why"]
    assert (copied["label"], copied["action"]) == ("memorized", "blocked")
    assert (refused["label"], refused["action"]) == ("unchecked", "raised")


def test_a_video_has_one_hash_of_all_its_frames(index: Path, path: Path) -> None:
    frames = [drawing(NOVEL), drawing(NOVEL + 1)]
    guard(lambda: {"frames": [frames]}, index, audit_log=path)()
    (line,) = lines_of(path)
    hashes = "".join(map(image_sha256, frames))
    assert line["image_sha256"] == hashlib.sha256(hashes.encode()).hexdigest()


def test_direct_checks_are_lines_whose_caller_decides(index: Path, path: Path) -> None:
    checker = Guard(index, audit_log=AuditLog(path, key=b"secret"))
    with request_key("batch 3"):
        checker.check([drawing(COPY), drawing(NOVEL)])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert verify(path, key=b"secret").findings == []
    assert [(line["label"], line["action"]) for line in lines] == [
        ("memorized", "returned"),
        ("clear", "returned"),
    ]
    assert {line["request"] for line in lines} == {"batch 3"}
    assert {line["policy"] for line in lines} == {None}
    assert lines[0]["image_sha256"] == image_sha256(drawing(COPY))


def test_the_calibration_has_its_id(calibrated: Calibrated, path: Path) -> None:
    Guard(calibrated.path, audit_log=path).check(drawing(NOVEL))
    calibration = Calibration.of(open_index(calibrated.path))
    assert calibration is not None
    assert lines_of(path)[0]["calibration"] == calibration.id
    file = (calibrated.path / "calibration.json").read_bytes()
    assert hashlib.sha256(file).hexdigest() == calibration.id


def test_a_function_is_called_with_each_entry(index: Path) -> None:
    entries: list[Any] = []
    guard(two, index, audit_log=entries.append)()
    assert [entry["label"] for entry in entries] == ["clear", "memorized"]
    assert json.loads(json.dumps(entries)) == entries
    assert not {"number", "previous", "seal"} & set(entries[0])


def test_what_is_no_log(index: Path) -> None:
    with pytest.raises(ConfigurationError, match="or a function that is not async, not a int"):
        guard(two, index, audit_log=7)  # type: ignore[call-overload]
