"""Learn the constants that shorten local features and sum them up.

    python -m benchmarks.assets.local_feature_basis [FILE]

Writes FILE (default: `memguard/vision/local_features.npz`): the mean and the first principal
directions of RootSIFT descriptors, and the centroids of the shortened descriptors (VLAD's
codebook). Any photographs would do; these are the ones in the wheels of scikit-image and
scikit-learn, whole and in overlapping pieces.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.vision.local_features import BASIS_FILE, CENTROIDS, DIRECTIONS, rootsift, shortened

FOLDERS = {"skimage": "data", "sklearn": "datasets/images"}
PIECES = ((1.0, (0.0,)), (0.6, (0.0, 0.2, 0.4)), (0.4, (0.0, 0.3, 0.6)))
"""Edges of the pieces, and the positions of their corners, as shares of the photograph's edges."""
LONGER_EDGE = 256
"""Of a piece after scaling, in pixels."""
LEAST_EDGE = 16
"""The shorter edge of a piece after scaling, in pixels."""
LEAST_PHOTOGRAPH = 200
"""The shorter edge in pixels below which a photograph is not used."""
FEATURES_A_PIECE = 200
"""The strongest ones."""
ITERATIONS, POINTS_PER_CENTROID = 25, 2000
"""Of k-means; more points are sampled."""
SEED = 0


def photographs() -> Iterator[Image.Image]:
    """All large enough photographs of both wheels, RGB."""
    for package, folder in FOLDERS.items():
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            raise SystemExit(f"install {package} first")
        for path in sorted((Path(found.origin).parent / folder).iterdir()):
            if path.suffix in (".png", ".jpg"):
                image = Image.open(path).convert("RGB")
                if min(image.size) >= LEAST_PHOTOGRAPH:
                    yield image


def pieces(image: Image.Image) -> Iterator[NDArray[np.uint8]]:
    """Overlapping pieces of a photograph and the whole, uint8 (h, w, 3)."""
    for side, edges in PIECES:
        width, height = image.width * side, image.height * side
        for x, y in product(edges, edges):
            box = (
                x * image.width,
                y * image.height,
                x * image.width + width,
                y * image.height + height,
            )
            scale = LONGER_EDGE / max(width, height)
            size = (max(LEAST_EDGE, round(width * scale)), max(LEAST_EDGE, round(height * scale)))
            method = Image.Resampling.BICUBIC
            yield np.asarray(image.resize(size, method, box=box, reducing_gap=3.0))


def main(file: Path) -> None:
    """Write the constants."""
    samples = [
        rootsift(piece)[:FEATURES_A_PIECE] for image in photographs() for piece in pieces(image)
    ]
    descriptors = np.concatenate(samples)
    mean = descriptors.mean(axis=0)
    covariance = np.cov(descriptors - mean, rowvar=False)
    _, vectors = np.linalg.eigh(covariance)
    basis = vectors[:, ::-1][:, :DIRECTIONS].T.astype(np.float32)
    short = shortened(descriptors, mean, basis)
    settings = {"niter": ITERATIONS, "seed": SEED, "max_points_per_centroid": POINTS_PER_CENTROID}
    means = faiss.Kmeans(DIRECTIONS, CENTROIDS, **settings)
    means.train(short)
    np.savez(file, mean=mean.astype(np.float32), basis=basis, centroids=means.centroids)
    print(f"{len(descriptors)} features of {len(samples)} pieces -> {file}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else BASIS_FILE)
