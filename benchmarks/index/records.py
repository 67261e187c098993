"""How large is a record of a real photograph without its vectors: in Lance, as text in Milvus?

    python -m benchmarks.index.records CACHE [--quick]

CACHE is that of `benchmarks.common.pictures`. Writes the entry "records" of results/milvus.json.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.pictures import load
from benchmarks.common.provenance import RESULTS
from benchmarks.index.milvus import add_figures
from memguard.descriptors import weightless_descriptors
from memguard.index.ingest.builder import build
from memguard.index.local import DirectoryIndex
from memguard.index.milvus.rows import PARTS, record_row
from memguard.sources import Folder

QUICK_PHOTOGRAPHS = 10


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.index.records")
    arguments.add_argument("cache", type=Path, help="of benchmarks.common.pictures")
    arguments.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_PHOTOGRAPHS} photographs; the result goes to CACHE",
    )
    options = arguments.parse_args()
    photographs = [picture for picture in load(options.cache) if picture.kind == "photograph"]
    if options.quick:
        photographs = photographs[:QUICK_PHOTOGRAPHS]
    with tempfile.TemporaryDirectory() as scratch:
        images, index = Path(scratch) / "images", Path(scratch) / "index.memguard"
        images.mkdir()
        for number, photograph in enumerate(photographs):
            photograph.open().save(images / f"{number:05d}.jpg", quality=95)
        build(Folder(images), index, weightless_descriptors(), workers=0)
        figures = record_sizes(index)
    file = (options.cache if options.quick else RESULTS) / "milvus.json"
    add_figures(file, "records", figures)


def record_sizes(directory: Path) -> dict[str, Any]:
    """Mean bytes of a record's parts, over all records of an index."""
    index = DirectoryIndex.open(directory)
    records = index.take(index.rows().tolist())
    files = [file for file in (directory / "records.lance").rglob("*") if file.is_file()]
    texts = [sum(len(record_row(one, index.specs)[part]) for part in PARTS) for one in records]
    return {
        "photographs": len(records),
        "thumbnail, bytes": round(float(np.mean([len(one.thumbnail or b"") for one in records]))),
        "features, bytes": round(float(np.mean([len(one.features or b"") for one in records]))),
        "Lance, bytes a record": round(sum(file.stat().st_size for file in files) / len(records)),
        "Milvus, bytes of text a record": round(float(np.mean(texts))),
        "Milvus, largest": max(texts),
    }


if __name__ == "__main__":
    main()
