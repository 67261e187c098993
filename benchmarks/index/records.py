"""What a record takes beside its descriptors: in Lance, and as text in Milvus, on real photographs.

    python benchmarks/index_records.py CACHE

CACHE is that of `pictures.py`. Writes the entry "records" of `results/milvus.json`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.pictures import load
from benchmarks.index.milvus import RESULTS
from benchmarks.index.run import _provenance
from memguard.descriptors import weightless_descriptors
from memguard.index.ingest.builder import build
from memguard.index.local import DirectoryIndex
from memguard.index.milvus.rows import PARTS, record_row
from memguard.sources import Folder


def main() -> None:
    photographs = [one for one in load(Path(sys.argv[1])) if one.kind == "photograph"]
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        images, index = Path(scratch) / "images", Path(scratch) / "index.memguard"
        images.mkdir()
        for number, photograph in enumerate(photographs):
            photograph.open().save(images / f"{number:05d}.jpg", quality=95)
        build(Folder(images), index, weightless_descriptors(), workers=0)
        results["records"] = measured(index) | _provenance()
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(results["records"])


def measured(directory: Path) -> dict[str, Any]:
    index = DirectoryIndex.open(directory)
    records = index.take(index.rows())
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
