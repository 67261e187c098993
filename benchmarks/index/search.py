"""Search at the size of a training set: each kind of FAISS index, and all signals together."""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from benchmarks.index.pieces import PIECES, Pieces
from benchmarks.index.vectors import Vectors
from memguard.index.ann.faiss_io import empty, save
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.rerank import write_through
from memguard.index.ann.searcher import Searcher
from memguard.index.ann.writer import write

COMPARED = {
    "phash64": ("BIVF{lists}", "BFlat"),
    "phash256": ("BIVF{lists}", "BFlat"),
    "embedding": (
        "IVF{lists},PQ256x4fs",
        "IVF{lists},SQ8",
        "PCAR512,IVF{lists},RaBitQ",
        "PCAR128,IVF{lists},RaBitQ",
        "Flat",
        "SQfp16",
        "PCAR256,IVF{lists},RaBitQ",
        "PCAR256,IVF{lists},PQ64",
        "HNSW32,SQ8",
    ),
    "pixels": ("IVF{lists},PQ384x4fs", "IVF{lists},SQ8", "PCAR256,IVF{lists},RaBitQ"),
    "vlad": (
        "PCAR1024,PQ256x4fs",
        "PCAR512,PQ128x4fs",
        "PCAR256,PQ64x4fs",
        "PCAR128,PQ32x4fs",
        "PCAR512,RaBitQfs",
        "PCAR512,IVF{lists},RaBitQ",
    ),
    "pieces": ("PCAR1024,PQ256x4fs", "PCAR512,PQ128x4fs", "PCAR512,RaBitQfs"),
}
"""Vectors to the kinds compared on them, the one that an index with ample memory gets first."""

SIGNALS = {"phash64": 1, "phash256": 3, "pixels": 5, "vlad": 8, "embedding": 5}
"""Vectors of each signal to neighbours, as the detector asks for them; embeddings twice."""

NEIGHBOURS = 5
SINGLE_QUERIES, BATCHES, BATCH_QUERIES = 200, 20, 64
SLOW_SINGLE_QUERIES, SLOW_BATCHES = 20, 2
"""The same for exact kinds that compare a query with all vectors."""
EF_SEARCH = (32, 64, 128, 256, 512)
"""Values of HNSW's parameter that are tried, the cheapest first."""
HNSW_RECALL = 0.99
"""The recall of tuning copies that suffices."""
HNSW_SAMPLE = 50_000
"""Vectors that its quantizer is trained on."""
TIMED_QUERIES = 60
"""Queries of each signal that take turns with the forward passes."""
FORWARD_INTERVAL = 4
"""Queries of each signal for one forward pass."""


def compare(
    name: str, kind: str, count: int, folder: Path, pictures: Path | None
) -> dict[str, Any]:
    """Build one kind of some vectors in a process of its own, and search it."""
    vectors_of(name, count, folder, pictures)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
        return child.submit(_compare, name, kind, count, folder).result()


def vectors_of(name: str, count: int, folder: Path, pictures: Path | None = None) -> Vectors:
    """The vectors of one name of :data:`COMPARED`; `pictures` is the cache to make pieces from."""
    return Pieces(count, folder, pictures) if name == PIECES else Vectors(name, count, folder)


def _compare(name: str, kind: str, count: int, folder: Path) -> dict[str, Any]:
    faiss.omp_set_num_threads(1)
    vectors = vectors_of(name, count, folder)
    index = _index(vectors, folder, name, AnnChoice(kind, 0))
    before = _peak_memory()
    started, worked = time.perf_counter(), time.process_time()
    index = _build(vectors, index)
    choice = index.choice
    build_seconds, build_cpu = time.perf_counter() - started, time.process_time() - worked
    peak = _peak_memory()
    started = time.perf_counter()
    searcher = _open(vectors, index)
    searcher.search(vectors.copies("test").vectors[:1], NEIGHBOURS)
    opened = time.perf_counter() - started
    copies = vectors.copies("test")
    return {
        "rows": name,
        "kind": kind,
        "count": count,
        "settings": {"nprobe": choice.nprobe, "candidates": choice.candidates}
        | ({"efSearch": searcher.ef} if isinstance(searcher, Graph) else {}),
        "bytes per image": round(_size(index.searched_files()) / count, 1),
        "bytes of rows to compare again": round(_size([index.rerank_path]) / count, 1),
        "build seconds": round(build_seconds, 1),
        "build seconds of the core": round(build_cpu, 1),
        "build peak memory, MB": round(peak / 1e6),
        "memory before the build, MB": round(before / 1e6),
        "open and first search, s": round(opened, 4),
        "recall at build": choice.recall,
        "recall of copies": _recall(searcher, copies),
        "copies tested": len(copies.vectors),
        **_latencies(searcher, copies.vectors),
    }


def _size(paths: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())


def _build(vectors: Vectors, index: AnnIndex) -> AnnIndex:
    kind = index.choice.kind
    if kind.startswith("HNSW"):
        return _build_graph(vectors, index)
    if kind == "Flat":
        built = empty(vectors.spec, kind)
        for block in vectors.blocks():
            built.add(block)
        save(index, built)
        return index
    return write(index, vectors, None if index.choice.exact else vectors.copies("tuning"))


def _build_graph(vectors: Vectors, index: AnnIndex) -> AnnIndex:
    """A graph of neighbours (HNSW). memguard does not offer it; the figures show why."""
    built = empty(vectors.spec, index.choice.kind)
    sample = np.random.default_rng(0).choice(vectors.count, min(HNSW_SAMPLE, vectors.count), False)
    built.train(vectors.fetch(np.sort(sample)))
    for block in write_through(vectors.blocks(), index.rerank_path):
        built.add(block)
    save(index, built)
    choice = dataclasses.replace(index.choice, candidates=16)
    return dataclasses.replace(index, choice=choice).measured()


class Graph(Searcher):
    """A search of a graph with one value of `efSearch`."""

    ef = EF_SEARCH[-1]

    def propose(self, queries: Any, count: int, **_: Any) -> tuple[Any, Any]:
        parameters = faiss.SearchParametersHNSW(efSearch=self.ef)
        found: tuple[Any, Any] = self._index.search(queries, count, params=parameters)
        return found


def _index(vectors: Vectors, folder: Path, name: str, choice: AnnChoice) -> AnnIndex:
    path = folder / f"{name}-{vectors.count}-{choice.kind}.faiss"
    return AnnIndex(vectors.spec, path, choice)


def _open(vectors: Vectors, index: AnnIndex) -> Searcher:
    if not index.choice.kind.startswith("HNSW"):
        return Searcher(index)
    graph = Graph(index)
    tuning = vectors.copies("tuning")
    for ef in EF_SEARCH:
        graph.ef = ef
        if _recall(graph, tuning) >= HNSW_RECALL:
            break
    return graph


def _recall(searcher: Searcher, copies: Any) -> float:
    _, found = searcher.search(copies.vectors, NEIGHBOURS)
    return float((found == copies.originals[:, None]).any(axis=1).mean())


def _latencies(searcher: Searcher, queries: Any) -> dict[str, float]:
    singles = [queries[[i % len(queries)]] for i in range(SINGLE_QUERIES)]
    shape = (BATCH_QUERIES, queries.shape[1])
    batches = [np.resize(np.roll(queries, i, axis=0), shape) for i in range(4)]
    heavy = searcher.choice.exact and searcher.spec.metric != "hamming"
    if heavy:
        singles, batches = singles[:SLOW_SINGLE_QUERIES], batches[:SLOW_BATCHES]
    else:
        batches *= BATCHES // len(batches)
    found = {}
    for name, timed in (("batch 1", singles), (f"batch {BATCH_QUERIES}", batches)):
        taken = [_milliseconds(searcher.search, query, NEIGHBOURS) for query in timed]
        wall, core = zip(*taken, strict=True)
        found[f"p50 ms, {name}"], found[f"p99 ms, {name}"] = (
            round(float(x), 3) for x in np.percentile(wall, [50, 99])
        )
        found[f"core ms, {name}"] = round(float(np.median(core)), 3)
    return found


def time_together(count: int, folder: Path, settings: dict[str, AnnChoice]) -> dict[str, Any]:
    """Time the searches of all signals for one image, and a forward pass of ViT-B-32."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
        return child.submit(_time_together, count, folder, settings).result()


def _time_together(count: int, folder: Path, settings: dict[str, AnnChoice]) -> dict[str, Any]:
    import open_clip
    import torch

    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    network = open_clip.create_model("ViT-B-32", pretrained=None).eval()
    every = {name: vectors_of(name, count, folder) for name in settings}
    searchers = {
        name: _open(vectors, _index(vectors, folder, name, settings[name]))
        for name, vectors in every.items()
    }
    queries = {name: vectors.copies("test").vectors for name, vectors in every.items()}
    taken: dict[str, list[float]] = {}

    def timed(what: str, call: Callable[..., Any], *given: Any) -> None:
        taken.setdefault(what, []).append(_milliseconds(call, *given)[1])

    for name, searcher in searchers.items():
        searcher.search(queries[name][TIMED_QUERIES:], NEIGHBOURS)  # reads the newly mapped file
    with torch.inference_mode():
        for views in (1, 2):
            image = torch.zeros(views, 3, 224, 224)
            network.encode_image(image)
            for i in range(TIMED_QUERIES):
                for name in settings:
                    k = SIGNALS["vlad" if name == PIECES else name]
                    query = np.resize(queries[name][i:], (views, queries[name].shape[1]))
                    timed(f"{name}, {views}", searchers[name].search, query, k)
                if i % FORWARD_INTERVAL == 0:
                    timed(f"ViT-B-32, {views}", network.encode_image, image)
    median = {name: float(np.median(spent)) for name, spent in taken.items()}
    result: dict[str, Any] = {"count": count, "kinds": {n: settings[n].kind for n in settings}}
    for views in (1, 2):
        forward = median[f"ViT-B-32, {views}"]
        for vlad in ("vlad", PIECES) if PIECES in settings else ("vlad",):
            names = [vlad if name == "vlad" else name for name in SIGNALS]
            parts = {name: round(median[f"{name}, {views}"], 2) for name in names}
            total = sum(parts.values()) + parts["embedding"]
            suffix = "" if vlad == "vlad" else f", {vlad} for vlad"
            result[f"{views} row{'s' * (views > 1)} a signal{suffix}"] = {
                "search, core ms": parts,
                "all signals, core ms": round(total, 2),
                "ViT-B-32 forward, core ms": round(forward, 1),
                "share": round(total / forward, 4),
                "share of one row's forward": round(total / median["ViT-B-32, 1"], 4),
            }
    return result


def settings_of(result: dict[str, Any]) -> AnnChoice:
    """The choice that figures of :func:`compare` were measured with."""
    settings = {k: v for k, v in result["settings"].items() if k != "efSearch"}
    return dataclasses.replace(AnnChoice(result["kind"], 0), **settings)


def _milliseconds(call: Callable[..., Any], *given: Any) -> tuple[float, float]:
    """Wall time and processor time of a call; other work on the machine lengthens the former."""
    started, worked = time.perf_counter(), time.process_time()
    call(*given)
    return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - worked)


def _peak_memory() -> int:
    """Peak memory of this process in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])
