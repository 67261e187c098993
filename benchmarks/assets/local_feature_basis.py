"""Learn the constants by which local features are shortened and summed up.

    python -m benchmarks.assets.local_feature_basis

Writes `memguard/vision/local_features.npz`: the mean and the first principal directions of RootSIFT
descriptors, and the centroids of the shortened descriptors (VLAD's codebook). They are statistics
of any photographs; these are the ones that the wheels of scikit-image and scikit-learn hold, whole
and in overlapping pieces.
"""

from __future__ import annotations

import importlib.util
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
"""Sides of the pieces as shares of the photograph's, and where their edges lie."""
LONGER_EDGE = 256
LEAST_EDGE = 200
FEATURES_A_PIECE = 200
SEED = 0


def photographs() -> Iterator[Image.Image]:
    for package, folder in FOLDERS.items():
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            raise SystemExit(f"install {package} first")
        for path in sorted((Path(found.origin).parent / folder).iterdir()):
            if path.suffix in (".png", ".jpg"):
                image = Image.open(path).convert("RGB")
                if min(image.size) >= LEAST_EDGE:
                    yield image


def pieces(image: Image.Image) -> Iterator[NDArray[np.uint8]]:
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
            size = (max(16, round(width * scale)), max(16, round(height * scale)))
            yield np.asarray(
                image.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
            )


def main() -> None:
    samples = [
        rootsift(piece)[:FEATURES_A_PIECE] for image in photographs() for piece in pieces(image)
    ]
    descriptors = np.concatenate(samples)
    mean = descriptors.mean(axis=0)
    covariance = np.cov(descriptors - mean, rowvar=False)
    _, vectors = np.linalg.eigh(covariance)
    basis = vectors[:, ::-1][:, :DIRECTIONS].T.astype(np.float32)
    short = shortened(descriptors, mean, basis)
    means = faiss.Kmeans(DIRECTIONS, CENTROIDS, niter=25, seed=SEED, max_points_per_centroid=2000)
    means.train(short)
    np.savez(BASIS_FILE, mean=mean.astype(np.float32), basis=basis, centroids=means.centroids)
    print(f"{len(descriptors)} features of {len(samples)} pieces -> {BASIS_FILE}")


if __name__ == "__main__":
    main()
