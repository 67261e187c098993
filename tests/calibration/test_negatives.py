"""References left out, as negatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from memguard.calibration.negatives import LeaveOneOut, reference_pictures
from memguard.descriptors import weightless_descriptors
from memguard.detection.detector import Detector
from memguard.index.open import open_index


def test_a_reference_left_out_never_finds_itself(gallery: Path) -> None:
    index = open_index(gallery)
    rows = sorted(index.sample(9, np.random.default_rng(0)))
    negatives = LeaveOneOut(index, rows)
    assert len(negatives) == 4
    read = negatives.read(1, 3)
    assert [name for name, _ in read] == [record.id for record in index.take(rows[1:3])]
    found = negatives.find_matches(Detector(index, weightless_descriptors()), read)
    for (name, _), matches in zip(read, found, strict=True):
        assert matches
        assert name not in {match.id for match in matches}


def test_references_are_read_at_full_size_and_named_by_their_file(gallery: Path) -> None:
    index = open_index(gallery)
    rows = index.sample(1, np.random.default_rng(0))
    ((name, picture),) = reference_pictures(index, rows)
    uri = LeaveOneOut(index, rows).address(name)
    assert Path(uri).parent == gallery.parent / "images"
    assert max(picture.image.size) > 256, "not the thumbnail"
    assert LeaveOneOut(index, rows).address("gone") == "gone"
