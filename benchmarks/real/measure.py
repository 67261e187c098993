"""Verdicts and distances of all cases, as a user's guard gives them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common.cache_key import code_key
from benchmarks.detection.other_signals import pdq
from benchmarks.real.cases import Case
from benchmarks.real.observation import Observation
from memguard import build_index, open_index
from memguard.calibration.load import calibrated_detector
from memguard.detection.decision import decide
from memguard.detection.signals import default_thresholds
from memguard.vision.decode import to_rgb
from memguard.vision.picture import Picture

BATCH_IMAGES = 8


def observe(
    cases: Sequence[Case], data: Path, cache: Path, weights: Mapping[str, str], *, thorough: bool
) -> list[Observation]:
    """Observations by the index of ``data/train``, built as shipped; kept in the cache.

    Args:
        cases: the queries.
        data: the folder of the pictures.
        cache: where the index and the observations are kept.
        weights: the index's learned descriptors, as for :func:`memguard.build_index`.
        thorough: see :class:`memguard.Guard`.
    """
    name = "+".join(weights) or "weightless"
    folder = cache / "real" / code_key("lifecycle.py")
    file = folder / f"{name}{'-thorough' if thorough else ''}-checks.json"
    if not file.exists():
        index = folder / f"{name}.memguard"
        if not (index / "calibration.json").exists():
            build_index(data / "train", index, weights=weights)
        found = [vars(one) for one in _observe(cases, data, index, thorough=thorough)]
        file.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return [Observation(**one) for one in json.loads(file.read_text(encoding="utf-8"))]


def _observe(
    cases: Sequence[Case], data: Path, path: Path, *, thorough: bool
) -> Iterator[Observation]:
    detector = calibrated_detector(open_index(path), thorough=thorough)
    defaults = default_thresholds(detector.signals)
    other = OtherHash(sorted((data / "train").iterdir()))
    for start in range(0, len(cases), BATCH_IMAGES):
        batch = cases[start : start + BATCH_IMAGES]
        pictures = [Picture(to_rgb(Image.open(case.path))) for case in batch]
        for case, picture, matches in zip(batch, pictures, detector.find_matches(pictures)):
            distances = {"pdq": other.closest(picture)}
            for match in matches:
                for signal, distance in match.distances.items():
                    distances[signal] = min(distance, distances.get(signal, np.inf))
            shipped, default = detector.decide(matches), decide(matches, defaults, {})
            first = Path(shipped.matches[0].uri).name if shipped.matches else ""
            yield Observation(case.name, shipped.label, default.label, distances, first)


class OtherHash:
    """PDQ of all references, compared by brute force."""

    def __init__(self, references: Sequence[Path]) -> None:
        self._rows: NDArray[np.uint8] = np.stack(
            [pdq(Picture(to_rgb(Image.open(path)))) for path in references]
        )

    def closest(self, query: Picture) -> float:
        """Differing bits to the closest reference, of the query or its mirror image."""
        views = (query, query.mirrored())
        bits = [np.bitwise_count(self._rows ^ pdq(view)).sum(axis=1).min() for view in views]
        return float(min(bits))
