"""What a calibration says of its own shortfalls."""

from __future__ import annotations

import dataclasses

import numpy as np

from memguard.calibration.measurements import ContaminatedNegative, Measurements
from memguard.calibration.rates import Rate
from memguard.calibration.result import OperatingPoint
from memguard.calibration.shortfalls import shortfalls
from memguard.detection.signals import CopyEvidence

NEAR = ContaminatedNegative("new.png", "old.png", {"copy_evidence": -40.0}, agreed=False)
MEASURED = Measurements(
    {"copy_evidence": np.array([-40.0, -5.0])}, {}, (), "held-out", 0, (), nearest=(NEAR,)
)


def point(**recall: float) -> OperatingPoint:
    rate = Rate.of(0, 100)
    return OperatingPoint(0.001, calibrated=False, observed=rate, at_worst=rate, recall=recall)


def sentences(limit: float, **recall: float) -> tuple[str, ...]:
    return shortfalls(MEASURED, point(**recall), {"copy_evidence": limit}, [CopyEvidence()])


def test_nothing_is_said_where_nothing_falls_short() -> None:
    assert sentences(-24, blur=1.0, inset=0.6) == ()
    assert sentences(-29, blur=1.0) == (), "within the factor"


def test_seldom_found_kinds_are_named_with_the_way_on() -> None:
    said, way = sentences(-24, blur=1.0, inset=0.3)
    assert "inset 30%" in said
    assert "blur" not in said
    assert "SSCD" in way


def test_a_much_tighter_threshold_names_the_pairs_that_did_it() -> None:
    said, way = sentences(-31, blur=1.0)
    assert "copy_evidence blocks from -31 on instead of -24" in said
    assert "new.png is near old.png" in said
    assert "take copies out of the negatives" in way


def test_a_training_set_alone_needs_other_negatives() -> None:
    alone = dataclasses.replace(MEASURED, method="leave-one-out")
    said, way = shortfalls(alone, point(), {"copy_evidence": -31}, [CopyEvidence()])
    assert "half of the references come within -22.5 of another one" in said
    assert "--pipeline" in way
