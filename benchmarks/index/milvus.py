"""What does a vector cost in Milvus, and a search?

    python -m benchmarks.index.milvus [--vectors 20000] [--scratch FOLDER] [--quick] [NAME...]

Starts the server of PyPI's `milvus` in a network namespace of its own, fills one collection for
each descriptor with synthetic vectors, waits until it is indexed, and searches it for copies.
Updates results/milvus.json; figures for other numbers of vectors stay.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.index import PACKAGES
from benchmarks.index.vectors import KINDS, SEED, Vectors
from memguard.index.milvus.address import MilvusAddress
from memguard.index.milvus.collections import Collections
from memguard.index.milvus.push import ann
from memguard.index.milvus.rows import stored, vector
from tests.fixtures.milvus_server import MilvusServer, milvus_server

SYNTHETIC = tuple(name for name, kind in KINDS.items() if kind.copy is not None)
NEIGHBOURS = 5
SINGLE_QUERIES, BATCHES, BATCH_QUERIES = 200, 10, 64
REQUEST_BYTES = 2 << 20
"""Vectors written in one request."""
QUICK_VECTORS = 1_000


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.index.milvus")
    arguments.description = (__doc__ or "").splitlines()[0]
    arguments.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SYNTHETIC))
    arguments.add_argument("--vectors", type=int, default=20_000, help="of each descriptor")
    scratch = Path(tempfile.gettempdir()) / "memguard-milvus"
    arguments.add_argument("--scratch", type=Path, default=scratch)
    arguments.add_argument(
        "--quick",
        action="store_true",
        help=f"{QUICK_VECTORS:,} vectors; results go to the scratch folder",
    )
    options = arguments.parse_args()
    count = QUICK_VECTORS if options.quick else options.vectors
    file = (options.scratch if options.quick else RESULTS) / "milvus.json"
    with milvus_server(options.scratch / "server") as server:
        for name in options.names or SYNTHETIC:
            figures = measure(server, Vectors(name, count, options.scratch))
            add_figures(file, f"{name} {count}", figures)


def add_figures(file: Path, name: str, figures: dict[str, Any]) -> None:
    """Add figures, and what they were measured with, to a result file."""
    made_with = provenance((*PACKAGES, "milvus", "pymilvus"))
    results = json.loads(file.read_text()) if file.exists() else {}
    results[name] = {**figures, **made_with, "threads": 1, "seed": SEED}
    file.write_text(json.dumps(results, indent=1) + "\n")
    print(name, figures, flush=True)


def measure(server: MilvusServer, vectors: Vectors) -> dict[str, Any]:
    """Fill a collection and search it."""
    collections = Collections(MilvusAddress.parse(server.uri("benchmark")))
    spec, (build, search) = vectors.spec, ann(vectors.spec, vectors.count)
    kind = "bits" if spec.metric == "hamming" else "numbers"
    collections.create(spec.name, key=int, vector={kind: spec.dimension}, ann=build, texts=())
    before, started = server_bytes(server), time.perf_counter()
    key = 0
    for block in vectors.blocks():
        size = max(1, REQUEST_BYTES // (block.itemsize * spec.width))
        for start in range(0, len(block), size):
            part = [vector(spec, stored(spec, row)) for row in block[start : start + size]]
            collections.upsert(
                spec.name, [{"key": key + i, "vector": row} for i, row in enumerate(part)]
            )
            key += len(part)
    collections.count(spec.name)
    written = time.perf_counter() - started
    copies = vectors.copies("test")

    def search_for(queries: Any) -> Any:
        given = [vector(spec, query) for query in queries]
        return collections.search(spec.name, given, NEIGHBOURS, search)

    def found() -> list[bool]:
        answers = search_for(copies.vectors)
        return [
            original in [key for key, _ in neighbours]
            for original, neighbours in zip(copies.originals, answers, strict=True)
        ]

    at_first = found()
    indexed = 0.0 if spec.metric == "hamming" else milliseconds(collections.settle, spec.name)
    hits = found()
    singles = [
        milliseconds(search_for, copies.vectors[[i % len(hits)]]) for i in range(SINGLE_QUERIES)
    ]
    batches = np.resize(np.arange(len(hits)), (BATCHES, BATCH_QUERIES))
    batched = [milliseconds(search_for, copies.vectors[batch]) for batch in batches]
    grown = server_bytes(server) - before
    result = {
        "rows": spec.name,
        "count": vectors.count,
        "index": build,
        "search": search,
        "written, rows a second": round(vectors.count / written),
        "flushed and indexed, s": round(indexed / 1000, 1),
        "memory of the server grew by, bytes a row": round(grown / vectors.count),
        "recall of copies before it is indexed": float(np.mean(at_first)),
        "recall of copies": float(np.mean(hits)),
        "copies tested": len(hits),
        "p50 ms, batch 1": round(float(np.percentile(singles, 50)), 2),
        "p99 ms, batch 1": round(float(np.percentile(singles, 99)), 2),
        "p50 ms, batch 64": round(float(np.percentile(batched, 50)), 1),
    }
    collections.drop(spec.name)
    return result


def server_bytes(server: MilvusServer) -> int:
    """Resident memory of the server."""
    pages = Path(f"/proc/{server.pid}/statm").read_text(encoding="utf-8").split()[1]
    return int(pages) * 4096


def milliseconds(call: Callable[..., Any], *given: Any) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    call(*given)
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
