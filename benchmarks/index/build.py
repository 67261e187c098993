"""Throughput of a build of real pictures, and its memory at the size of a training set."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common.pictures import load
from benchmarks.index.vectors import CLUSTERS, SEED

MODEL = "ViT-B-32"
WIDTH = 512
SHARD_VECTORS = 50_000
"""Embeddings in one file."""

INDEX = "built.memguard"

CLUSTER_WEIGHT = 1.2
"""Of the centre in a vector of its cluster, to 1 of noise: a cosine of 0.59 within a cluster."""

IMAGEDEDUP = """
import sys
from imagededup.methods import PHash
PHash(verbose=False).encode_images(image_dir=sys.argv[1], num_enc_workers=0)
"""


def measure_throughput(
    cache: Path, images: int, scratch: Path, others: Path | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Seconds for the same pictures by the bare model, by memguard and by imagededup.

    Args:
        cache: of `benchmarks.common.pictures`.
        images: how many pictures.
        scratch: a folder for the pictures as JPEG files, the model and the indexes.
        others: a folder of packages that holds imagededup, or None.
    """
    folder = scratch / f"pictures-{images}"
    _write_pictures(cache, images, folder)
    weights = _random_weights(scratch)
    bare = _in_child(_forward, folder, weights)
    yield f"{MODEL}, bare forward pass", _rate(images, bare, bare)
    built = {"memguard build --no-clip": None, f"memguard build --clip {MODEL}": MODEL}
    for name, model in built.items():
        seconds = _in_child(_build, folder, scratch / "throughput.memguard", model, weights)
        yield name, _rate(images, seconds, bare)
    if others is not None:
        seconds = _imagededup(folder, others)
        yield "imagededup, PHash only", _rate(images, seconds, bare)


def measure_memory(records: int, scratch: Path) -> dict[str, Any]:
    """The peak memory of a build of this many precomputed embeddings."""
    folder = scratch / f"embeddings-{records}"
    _write_embeddings(folder, records)
    seconds, peak, before, size = _in_child(_build_embeddings, folder, _random_weights(scratch))
    opened = _in_child(_open, folder)
    shutil.rmtree(folder)
    return {
        "records": records,
        "seconds": round(seconds, 1),
        "peak memory, MB": round(peak / 1e6),
        "before the build, MB": round(before / 1e6),
        "index, bytes per image": round(size / records),
        "open, s": round(opened, 2),
    }


def _imagededup(folder: Path, packages: Path) -> float:
    command = [sys.executable, "-c", IMAGEDEDUP, str(folder)]
    started = time.perf_counter()
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(packages)}, check=True)
    return time.perf_counter() - started


def _in_child(work: Callable[..., Any], *given: Any) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
        return child.submit(work, *given).result()


def _write_pictures(cache: Path, count: int, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = [picture for picture in load(cache) if picture.kind != "emoji"]
    for picture in found[:: max(1, len(found) // count)][:count]:
        picture.open().save(folder / f"{picture.path.stem}.jpg", quality=92)
    if len(list(folder.iterdir())) != count:
        raise SystemExit(f"{cache} has only {len(found)} pictures; pass a smaller --images")


def _random_weights(scratch: Path) -> Path:
    """A file of random weights for the model; they take as long as learned ones."""
    path = scratch / f"{MODEL}.pt"
    if not path.exists():
        _in_child(_write_random_weights, path)
    return path


def _write_random_weights(path: Path) -> None:
    import open_clip
    import torch

    torch.manual_seed(SEED)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(open_clip.create_model(MODEL).state_dict(), path)


def _forward(folder: Path, weights: Path) -> float:
    from PIL import Image

    from memguard.descriptors.clip import Clip
    from memguard.vision.picture import Picture

    clip = Clip(MODEL, str(weights))
    prepared = [clip.prepare(Picture(Image.open(file))) for file in sorted(folder.iterdir())]
    clip.describe(prepared[:32])
    started = time.perf_counter()
    clip.describe(prepared)
    return time.perf_counter() - started


def _build(folder: Path, output: Path, model: str | None, weights: Path) -> float:
    """Seconds of a build, without those of loading the model."""
    from memguard.descriptors import new_descriptors
    from memguard.index.ingest.builder import build
    from memguard.sources import Folder

    shutil.rmtree(output, ignore_errors=True)
    descriptors = new_descriptors({} if model is None else {"clip": f"{model}:{weights}"})
    started = time.perf_counter()
    build(Folder(folder), output, descriptors)
    seconds = time.perf_counter() - started
    shutil.rmtree(output)
    return seconds


def _rate(images: int, seconds: float, bare: float) -> dict[str, Any]:
    return {
        "images": images,
        "seconds": round(seconds, 1),
        "images per second": round(images / seconds, 2),
        "of the bare forward pass": round(bare / seconds, 2),
    }


def _write_embeddings(folder: Path, records: int) -> None:
    random = np.random.default_rng(SEED)
    centres = random.standard_normal((CLUSTERS, WIDTH), dtype=np.float32)
    (folder / "img_emb").mkdir(parents=True, exist_ok=True)
    (folder / "metadata").mkdir(exist_ok=True)
    for number, start in enumerate(range(0, records, SHARD_VECTORS)):
        count = min(SHARD_VECTORS, records - start)
        vectors = CLUSTER_WEIGHT * centres[random.integers(0, CLUSTERS, count)]
        vectors += random.standard_normal((count, WIDTH), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        np.save(folder / "img_emb" / f"img_emb_{number}.npy", vectors.astype(np.float16))
        names = [f"{i:09}" for i in range(start, start + count)]
        captions = [f"picture {name}" for name in names]
        metadata = pa.table({"image_path": names, "caption": captions})
        pq.write_table(metadata, folder / "metadata" / f"metadata_{number}.parquet")


def _build_embeddings(folder: Path, weights: Path) -> tuple[float, int, int, int]:
    from memguard.descriptors.clip import Clip
    from memguard.index.ingest.builder import build
    from memguard.sources.embeddings import Embeddings

    clip = Clip(MODEL, str(weights))
    output = folder / INDEX
    started = time.perf_counter()
    with PeakMemory() as memory:
        build(Embeddings(folder, model=clip.spec.model), output, [clip])
    seconds = time.perf_counter() - started
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    return seconds, memory.peak, memory.before, size


def _open(folder: Path) -> float:
    """Seconds to open the index, including its own checks, without those of importing memguard."""
    from memguard.index.open import open_index

    started = time.perf_counter()
    open_index(folder / INDEX)
    return time.perf_counter() - started


class PeakMemory:
    """Samples the memory of this process and its descendants, ten times a second.

    Attributes:
        before: bytes at the start, including a loaded model.
        peak: the largest sample in bytes; pages that processes share count once.
    """

    def __enter__(self) -> PeakMemory:
        self.before = self.peak = self._now()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(0.1):
            self.peak = max(self.peak, self._now())

    def _now(self) -> int:
        found = 0
        for process in _with_descendants(os.getpid()):
            with contextlib.suppress(OSError):
                rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
                found += 1024 * int(rollup.split("\nPss:")[1].split()[0])
        return found


def _with_descendants(process: int) -> Iterator[int]:
    """A process and its descendants."""
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from _with_descendants(int(child))
