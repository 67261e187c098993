"""The default thresholds are sane values of signals that exist."""

from __future__ import annotations

from memguard.detection.signals import DEFAULTS


def test_flagging_takes_less_than_blocking() -> None:
    for name, limit in DEFAULTS.items():
        assert limit.memorized is None or limit.memorized < limit.similar, name


def test_clip_alone_only_flags() -> None:
    assert [name for name, limit in DEFAULTS.items() if limit.memorized is None] == ["clip"]
