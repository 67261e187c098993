"""What a verdict, its signals and its matches hold."""

from __future__ import annotations

from typing import Any

from PIL import Image
from typing_extensions import assert_type

from memguard import Guard, Match, MemorizedImageError, Signal, Verdict

watch = Guard("training.memguard")
verdicts = watch.check([Image.new("RGB", (8, 8))])
assert_type(verdicts, list[Verdict])
assert_type(watch.last_verdicts, tuple[Verdict, ...])

verdict = verdicts[0]
assert_type(verdict.score, float)
assert_type(verdict.why, str)
assert_type(verdict.attempt, int)
assert_type(verdict.signals, tuple[Signal, ...])
assert_type(verdict.matches, tuple[Match, ...])
assert_type(verdict.to_json(), dict[str, Any])
if verdict.label == "memorized":
    match = verdict.matches[0]
    assert_type(match.uri, str)
    assert_type(match.caption, str | None)
    assert_type(match.distances, dict[str, float])
for signal in verdict.signals:
    assert_type(signal.distance, float)
    assert_type(signal.memorized, float | None)

try:
    watch.check([])
except MemorizedImageError as error:
    assert_type(error.verdicts, tuple[Verdict, ...])
