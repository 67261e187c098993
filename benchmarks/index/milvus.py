"""Milvus at the size of a training set: what a row costs there, and what a search.

    python benchmarks/index_milvus.py [--rows 20000] [--scratch FOLDER] [NAME...]

Starts the server of PyPI's `milvus` in a network namespace of its own, fills one collection a
descriptor with the rows of `index_rows.py`, waits until it is indexed, and searches it for copies.
Writes `results/milvus.json`; lines of other sizes stay.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.index.rows import KINDS, Rows
from benchmarks.index.run import _provenance

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from milvus_server import MilvusServer, milvus_server

from memguard.index.milvus.address import MilvusAddress
from memguard.index.milvus.collections import Collections
from memguard.index.milvus.push import ann
from memguard.index.milvus.rows import stored, vector

RESULTS = Path(__file__).parents[1] / "results" / "milvus.json"
NEAREST = 5
SINGLES, BATCHES, BATCH = 200, 10, 64
BYTES_A_CALL = 2 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(KINDS))
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--scratch", type=Path, default=Path("/tmp/memguard-milvus"))
    options = parser.parse_args()
    with milvus_server(options.scratch / "server") as server:
        for name in options.names or KINDS:
            rows = Rows(name, options.rows, options.scratch)
            found = measure(server, rows) | _provenance()
            found["versions"] |= {name: version(name) for name in ("milvus", "pymilvus")}
            results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
            results[f"{name} {options.rows}"] = found
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            print(name, {key: value for key, value in found.items() if key != "machine"})


def measure(server: MilvusServer, rows: Rows) -> dict[str, Any]:
    """Fill a collection and search it."""
    collections = Collections(MilvusAddress.parse(server.uri("benchmark")))
    spec, (build, search) = rows.spec, ann(rows.spec, rows.count)
    kind = "bits" if spec.metric == "hamming" else "numbers"
    collections.create(spec.name, key=int, vector={kind: spec.dimension}, ann=build, texts=())
    before, started = memory(server), time.perf_counter()
    key = 0
    for block in rows.blocks():
        size = max(1, BYTES_A_CALL // (block.itemsize * spec.width))
        for start in range(0, len(block), size):
            part = [vector(spec, stored(spec, row)) for row in block[start : start + size]]
            collections.upsert(
                spec.name, [{"key": key + i, "vector": row} for i, row in enumerate(part)]
            )
            key += len(part)
    collections.count(spec.name)
    written = time.perf_counter() - started
    copies = rows.copies("test")

    def look_up(queries: Any) -> Any:
        return collections.search(spec.name, [vector(spec, q) for q in queries], NEAREST, search)

    def found() -> list[bool]:
        answers = look_up(copies.rows)
        return [
            original in [key for key, _ in near]
            for original, near in zip(copies.originals, answers, strict=True)
        ]

    at_first = found()
    indexed = 0.0 if spec.metric == "hamming" else timed(collections.settle, spec.name) / 1000
    hits = found()
    singles = [timed(look_up, copies.rows[[i % len(hits)]]) for i in range(SINGLES)]
    many = np.resize(np.arange(len(hits)), BATCHES * BATCH).reshape(BATCHES, BATCH)
    batches = [timed(look_up, copies.rows[some]) for some in many]
    result = {
        "rows": spec.name,
        "count": rows.count,
        "index": build,
        "search": search,
        "written, rows a second": round(rows.count / written),
        "flushed and indexed, s": round(indexed, 1),
        "memory of the server grew by, bytes a row": round((memory(server) - before) / rows.count),
        "recall of copies before it is indexed": float(np.mean(at_first)),
        "recall of copies": float(np.mean(hits)),
        "copies tested": len(hits),
        "p50 ms, batch 1": round(float(np.percentile(singles, 50)), 2),
        "p99 ms, batch 1": round(float(np.percentile(singles, 99)), 2),
        "p50 ms, batch 64": round(float(np.percentile(batches, 50)), 1),
    }
    collections.drop(spec.name)
    return result


def memory(server: MilvusServer) -> int:
    """Bytes that the server occupies."""
    pages = Path(f"/proc/{server.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def timed(call: Any, *given: Any) -> float:
    started = time.perf_counter()
    call(*given)
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
