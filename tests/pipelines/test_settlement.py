"""What cannot be recorded is not shown; what an output carries, and what it does not."""

from __future__ import annotations

import io
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fixtures.guarded_images import COPY, NOVEL, QUICK, drawing, generator, is_blank, two

from memguard import (
    AuditLog,
    CheckFailedError,
    Guard,
    MemorizedImageError,
    Outcome,
    UnsupportedOutputError,
    guard,
)
from memguard.audit_log.head import HEAD_BYTES
from memguard.audit_log.verify import verify


@pytest.fixture
def full(tmp_path: Path) -> Iterator[AuditLog]:
    """A log on which nothing more can be written: no file of this process may grow."""
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append([{"x": "x" * HEAD_BYTES}])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HEAD_BYTES, hard))
    yield log
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert verify(log.files.path).findings == []
    assert verify(log.files.path).lines == 1


def test_what_cannot_be_recorded_is_withheld(full: AuditLog, index: Path, caplog: Any) -> None:
    seen: list[Outcome] = []
    guarded = guard(two, index, audit_log=full, on_verdict=seen.append)
    assert [is_blank(image) for image in guarded()] == [True, True]
    assert [(one.verdict.label, one.action) for one in seen] == [
        ("clear", "blocked"),
        ("memorized", "blocked"),
    ]
    assert "memguard could not record a check" in caplog.text
    assert "File too large" in caplog.text


def test_what_cannot_be_recorded_raises_if_asked_to(full: AuditLog, index: Path) -> None:
    seen: list[Outcome] = []
    guarded = guard(two, index, audit_log=full, on_error="raise", on_verdict=seen.append)
    with pytest.raises(CheckFailedError, match=r"not be recorded: the audit log .* cannot be"):
        guarded()
    assert [one.action for one in seen] == ["raised"] * 2


def test_what_cannot_be_recorded_passes_if_asked_to(full: AuditLog, index: Path) -> None:
    guarded = guard(two, index, audit_log=full, on_error="pass")
    assert [is_blank(image) for image in guarded()] == [False, True], "a copy is still blocked"


def test_a_shadow_shows_what_cannot_be_recorded(full: AuditLog, index: Path) -> None:
    images = two()
    assert guard(lambda: images, index, policy="shadow", audit_log=full)() is images


def test_a_refusal_stays_one_if_it_cannot_be_recorded(full: AuditLog, index: Path) -> None:
    with pytest.raises(MemorizedImageError):
        guard(two, index, policy="raise", audit_log=full)()
    with pytest.raises(UnsupportedOutputError):
        guard(lambda: None, index, audit_log=full)()


def test_direct_checks_that_cannot_be_recorded(full: AuditLog, index: Path) -> None:
    (verdict,) = Guard(index, audit_log=full).check(drawing(NOVEL))
    assert verdict.label == "unchecked"
    assert verdict.why.startswith("the check could not be recorded: ")
    (verdict,) = Guard(index, audit_log=full, on_error="pass").check(drawing(NOVEL))
    assert verdict.label == "clear"
    with pytest.raises(CheckFailedError, match="could not be recorded"):
        Guard(index, audit_log=full, on_error="raise").check(drawing(NOVEL))


def test_a_function_that_fails_is_a_log_that_fails(index: Path) -> None:
    def fail(entry: Any) -> None:
        raise ConnectionError("no log server")

    assert [is_blank(one) for one in guard(two, index, audit_log=fail)()] == [True, True]
    guarded = guard(two, index, audit_log=fail, on_error="raise")
    with pytest.raises(CheckFailedError, match="failed: ConnectionError: no log server"):
        guarded()


def test_the_line_is_there_before_the_image_is_shown(index: Path, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    lines = []
    guard(two, index, audit_log=log, on_verdict=lambda _: lines.append(verify(log).lines))()
    assert lines == [2, 2]


def test_nothing_that_an_end_user_gets_names_the_match(
    index: Path, pipeline: Any, tmp_path: Path
) -> None:
    guarded = guard(pipeline, index, audit_log=tmp_path / "audit.jsonl")
    output = guarded("the sea", **QUICK, generator=generator())
    (verdict,) = output.memorization
    match = verdict.matches[0]
    secrets = [match.id, match.uri, "sea.png", verdict.why, str(index.parent)]
    assert secrets[0] in (tmp_path / "audit.jsonl").read_text()
    file = io.BytesIO()
    output.images[0].save(file, "PNG")
    for sent in (
        repr(output),
        repr(dict(output)),
        repr(output.to_tuple()),
        repr(file.getvalue()),
        repr(output.images[0].info),
    ):
        assert not [secret for secret in secrets if secret in sent]


@pytest.mark.parametrize("make", [SimpleNamespace, dict])
def test_an_output_without_its_verdicts_is_the_pipeline_s(index: Path, make: Any) -> None:
    shown = guard(lambda: make(images=[drawing(COPY)], seed=3), index)()
    names = dict(shown) if isinstance(shown, dict) else dict(vars(shown))
    verdicts = names.pop("memorization", [])
    assert set(names) == {"images", "seed"}
    assert json.dumps(names, default=lambda image: image.size)
    assert len(verdicts) == (0 if make is dict else 1), "only an attribute carries them"
