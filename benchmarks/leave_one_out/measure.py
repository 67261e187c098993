"""Distances between the references of an index, and of pictures recombined from them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common.pictures import Picture
from benchmarks.detection.splits import sample
from benchmarks.leave_one_out.rules import SIGNAL, Nearest, Pair, Pairs
from memguard import open_index
from memguard.calibration.contamination import is_copy
from memguard.calibration.load import calibrated_detector
from memguard.calibration.negatives import LeaveOneOut
from memguard.detection.detector import Detector
from memguard.vision.picture import Picture as CheckedPicture

BATCH = 16
MOSAICS, TILES, TILE = 100, 4, 128
"""Recombined pictures; tiles along an edge of each, each cut from another reference; pixels along
an edge of a tile."""


def left_out_pairs(index: Path) -> Pairs:
    """What each reference resembles when it is left out; kept beside the index."""
    file = index.with_name("pairs.json")
    if not file.exists():
        file.write_text(json.dumps(dict(_measured(index))))
    return {
        key: [Pair(**one) for one in many] for key, many in json.loads(file.read_text()).items()
    }


def mosaic_distances(index: Path, references: Sequence[Picture]) -> Nearest:
    """The smallest distance of each recombined picture; kept beside the index."""
    file = index.with_name("mosaics.json")
    if not file.exists():
        detector = calibrated_detector(open_index(index))
        found: list[float] = []
        images = list(_mosaics(references))
        for start in range(0, len(images), BATCH):
            pictures = [CheckedPicture(image) for image in images[start : start + BATCH]]
            for matches in detector.find_matches(pictures):
                found.append(min((one.distances[SIGNAL.name] for one in matches), default=np.inf))
        file.write_text(json.dumps(found))
    return np.array(json.loads(file.read_text()))


def _measured(index: Path) -> Iterator[tuple[str, list[dict[str, object]]]]:
    opened = open_index(index)
    detector: Detector = calibrated_detector(opened)
    left_out = LeaveOneOut(opened, range(len(opened)))
    for start in range(0, len(left_out), BATCH):
        shown = [one for one in left_out.read(start, start + BATCH) if not one[1].is_blank]
        for (name, _), matches in zip(shown, left_out.find_matches(detector, shown), strict=True):
            yield (
                name,
                [
                    asdict(
                        Pair(
                            name,
                            match.id,
                            round(match.distances[SIGNAL.name], 4),
                            is_copy(match.distances, detector.signals),
                        )
                    )
                    for match in matches
                ],
            )


def _mosaics(references: Sequence[Picture]) -> Iterator[Image.Image]:
    rng = np.random.default_rng(0)
    for _ in range(MOSAICS):
        whole = Image.new("RGB", (TILES * TILE, TILES * TILE))
        for i, picture in enumerate(sample(references, TILES**2, rng)):
            image = picture.open().convert("RGB")
            side = min(image.size) // 2
            left, top = (int(rng.integers(edge - side + 1)) for edge in image.size)
            tile = image.crop((left, top, left + side, top + side)).resize((TILE, TILE))
            whole.paste(tile, (i % TILES * TILE, i // TILES * TILE))
        yield whole
