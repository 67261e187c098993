"""What the demo says of its samples; the whole demo is run end to end."""

from __future__ import annotations

from pathlib import Path

from memguard.demo.run import EXAMPLES, DemoResult
from memguard.verdict import Label, Match, Verdict


def verdict(label: Label, score: float, id: str) -> Verdict:
    return Verdict(label, score, matches=(Match(id, f"{id}.png", "as is", {}),))


def result(*verdicts: Verdict) -> DemoResult:
    return DemoResult(verdicts, 0, Path("demo.png"), None, Path("training.memguard"))


def test_samples_are_counted_by_label() -> None:
    found = result(
        verdict("clear", 0.1, "a"), verdict("clear", 0.2, "b"), verdict("similar", 1, "a")
    )
    assert [found.count(label) for label in ("clear", "similar", "memorized")] == [2, 1, 0]


def test_examples_are_the_clearest_copy_of_each_training_image() -> None:
    clearest, second, third, fourth = (verdict("memorized", 9 - i, str(i)) for i in range(4))
    found = result(
        fourth,
        verdict("memorized", 1.0, "0"),
        third,
        clearest,
        verdict("similar", 20.0, "flagged"),
        second,
    )
    assert found.examples() == [clearest, second, third]
    assert len(found.examples()) == EXAMPLES
    assert result(verdict("clear", 0.1, "a")).examples() == []
