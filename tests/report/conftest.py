"""A detector on whole photographs, for explanations."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.calibration.load import calibrated_detector
from memguard.detection.detector import Detector
from memguard.index.open import open_index


@pytest.fixture(scope="session")
def detector(photograph_index: Path) -> Detector:
    return calibrated_detector(open_index(photograph_index))
