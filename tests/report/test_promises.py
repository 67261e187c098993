"""What thresholds promise, in words."""

from __future__ import annotations

from pathlib import Path

import msgspec

from memguard.calibration.rates import Rate
from memguard.calibration.result import Calibration
from memguard.index.open import open_index
from memguard.report.promises import finds, promise


def test_what_is_proven_not_proven_and_missed(photograph_index: Path) -> None:
    calibration = Calibration.of(open_index(photograph_index))
    assert calibration is not None
    assert "the defaults apply" in promise(calibration, "memorized")
    assert "proves no rate for generated images" in promise(calibration, "memorized")

    def seen(count: int, total: int) -> str:
        point = msgspec.structs.replace(
            calibration.memorized, target=0.01, calibrated=True, observed=Rate.of(count, total)
        )
        changed = msgspec.structs.replace(calibration, memorized=point, method="held-out")
        return promise(changed, "memorized")

    nbsp = "\N{NO-BREAK SPACE}"
    assert seen(0, 1000).startswith(
        f"At most 1{nbsp}% of novel images should be blocked. Of 1,000 that were measured, 0 were "
        f"blocked, which proves it: at most 0.299{nbsp}% with 95% confidence. These images show"
    )
    assert f"0 were blocked, which proves at most 13.9{nbsp}% with 95% confidence, not 1" in seen(
        0, 20
    )
    missed = seen(50, 1000)
    assert f"That was missed: of 1,000 that were measured, 50 were blocked (5{nbsp}%)." in missed
    assert "weaker evidence than it should be" in missed


def test_nothing_is_promised_without_a_calibration() -> None:
    assert "never calibrated" in promise(None, "similar")
    assert "flagged" in promise(None, "similar")
    assert "never measured" in finds(None)


def test_how_many_copies_are_found(photograph_index: Path) -> None:
    calibration = Calibration.of(open_index(photograph_index))
    assert calibration is not None
    assert f"{calibration.similar.mean_recall:.0%} were found" in finds(calibration)
