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

from benchmarks.index.pieces import NAME, Pieces
from benchmarks.index.rows import Rows
from memguard.index.ann import writer as ann_writing
from memguard.index.ann.files import empty, rows_path, save, searched_files
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.rerank import written
from memguard.index.ann.searcher import Searcher

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
"""Rows to the kinds compared on them; the first of each is what much memory gets."""

SIGNALS = {"phash64": 1, "phash256": 3, "pixels": 5, "vlad": 8, "embedding": 5}
"""Rows of each signal to neighbours, as the detector asks for; embeddings twice."""

NEAREST = 5
SINGLES, BATCHES, BATCH = 200, 20, 64
EF_SEARCH = (32, 64, 128, 256, 512)
HNSW_SAMPLE = 50_000
ASKED = 60
"""Look-ups of each signal that are timed beside the forward passes."""


def compare(
    name: str, kind: str, count: int, folder: Path, pictures: Path | None
) -> dict[str, Any]:
    """Build one kind over some rows in a process of its own, and search it."""
    rows_of(name, count, folder, pictures)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
        return child.submit(_compare, name, kind, count, folder).result()


def rows_of(name: str, count: int, folder: Path, pictures: Path | None = None) -> Rows:
    """The rows of one name of :data:`COMPARED`; those of pieces are made of pictures."""
    return Pieces(count, folder, pictures) if name == NAME else Rows(name, count, folder)


def _compare(name: str, kind: str, count: int, folder: Path) -> dict[str, Any]:
    faiss.omp_set_num_threads(1)
    rows = rows_of(name, count, folder)
    path = folder / f"{name}-{count}-{kind}.faiss"
    before = _most_memory()
    started, worked = time.perf_counter(), time.process_time()
    choice = _build(rows, kind, path)
    build_seconds, build_cpu = time.perf_counter() - started, time.process_time() - worked
    peak = _most_memory()
    started = time.perf_counter()
    searcher = _open(rows, path, choice)
    searcher.search(rows.copies("test").rows[:1], NEAREST)
    opened = time.perf_counter() - started
    copies = rows.copies("test")
    return {
        "rows": name,
        "kind": kind,
        "count": count,
        "settings": {"nprobe": choice.nprobe, "candidates": choice.candidates}
        | ({"efSearch": searcher.ef} if isinstance(searcher, Graph) else {}),
        "bytes per image": round(_size(searched_files(path)) / count, 1),
        "bytes of rows to compare again": round(_size([rows_path(path)]) / count, 1),
        "build seconds": round(build_seconds, 1),
        "build seconds of the core": round(build_cpu, 1),
        "build peak memory, MB": round(peak / 1e6),
        "memory before the build, MB": round(before / 1e6),
        "open and first search, s": round(opened, 4),
        "recall at build": choice.recall,
        "recall of copies": _recall(searcher, copies),
        "copies tested": len(copies.rows),
        **_latencies(searcher, copies.rows),
    }


def _size(paths: Sequence[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.exists())


def _build(rows: Rows, kind: str, path: Path) -> AnnChoice:
    choice = AnnChoice(kind, 0)
    if kind.startswith("HNSW"):
        return _graph(rows, kind, path)
    if kind == "Flat":
        index = empty(rows.spec, kind)
        for block in rows.blocks():
            index.add(block)
        save(rows.spec, index, path)
        return choice
    copies = None if choice.exact else rows.copies("tuning")
    return ann_writing.derive(
        rows.spec, choice, rows.blocks(), rows.count, rows.fetch, path, copies
    )


def _graph(rows: Rows, kind: str, path: Path) -> AnnChoice:
    """A graph of neighbours, which memguard does not offer; built to show why."""
    index = empty(rows.spec, kind)
    sample = np.random.default_rng(0).choice(rows.count, min(HNSW_SAMPLE, rows.count), False)
    index.train(rows.fetch(np.sort(sample)))
    for block in written(rows.blocks(), rows_path(path)):
        index.add(block)
    save(rows.spec, index, path)
    return AnnChoice(kind, path.stat().st_size, candidates=16)


class Graph(Searcher):
    """Searches a graph, looking as far as a test copies' recall of 0.99 needs."""

    ef = EF_SEARCH[-1]

    def propose(self, queries: Any, count: int, **_: Any) -> tuple[Any, Any]:
        how = faiss.SearchParametersHNSW(efSearch=self.ef)
        return self._index.search(queries, count, params=how)


def _open(rows: Rows, path: Path, choice: AnnChoice) -> Searcher:
    if not choice.kind.startswith("HNSW"):
        return Searcher(rows.spec, path, choice)
    graph = Graph(rows.spec, path, choice)
    tuning = rows.copies("tuning")
    for ef in EF_SEARCH:
        graph.ef = ef
        if _recall(graph, tuning) >= 0.99:
            break
    return graph


def _recall(searcher: Searcher, copies: Any) -> float:
    _, found = searcher.search(copies.rows, NEAREST)
    return float((found == copies.originals[:, None]).any(axis=1).mean())


def _latencies(searcher: Searcher, queries: Any) -> dict[str, float]:
    singles = [queries[[i % len(queries)]] for i in range(SINGLES)]
    batches = [np.resize(np.roll(queries, i, axis=0), (BATCH, queries.shape[1])) for i in range(4)]
    heavy = searcher.choice.exact and searcher.spec.metric != "hamming"
    singles, batches = (singles[:20], batches[:2]) if heavy else (singles, batches * (BATCHES // 4))
    found = {}
    for name, asked in (("batch 1", singles), (f"batch {BATCH}", batches)):
        taken = [_milliseconds(searcher.search, query, NEAREST) for query in asked]
        passed, worked = zip(*taken, strict=True)
        found[f"p50 ms, {name}"], found[f"p99 ms, {name}"] = (
            round(float(x), 3) for x in np.percentile(passed, [50, 99])
        )
        found[f"core ms, {name}"] = round(float(np.median(worked)), 3)
    return found


def together(count: int, folder: Path, settings: dict[str, AnnChoice]) -> dict[str, Any]:
    """All signals' searches for one image, next to one forward pass of ViT-B-32."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
        return child.submit(_together, count, folder, settings).result()


def _together(count: int, folder: Path, settings: dict[str, AnnChoice]) -> dict[str, Any]:
    import open_clip
    import torch

    faiss.omp_set_num_threads(1)
    torch.set_num_threads(1)
    network = open_clip.create_model("ViT-B-32", pretrained=None).eval()
    every = {name: rows_of(name, count, folder) for name in settings}
    searchers = {
        name: _open(rows, folder / f"{name}-{count}-{settings[name].kind}.faiss", settings[name])
        for name, rows in every.items()
    }
    asked = {name: rows.copies("test").rows for name, rows in every.items()}
    taken: dict[str, list[float]] = {}

    def clocked(what: str, call: Callable[..., Any], *given: Any) -> None:
        taken.setdefault(what, []).append(_milliseconds(call, *given)[1])

    for name, searcher in searchers.items():
        searcher.search(asked[name][ASKED:], NEAREST)  # reads what a file that was just opened maps
    with torch.inference_mode():
        for views in (1, 2):
            image = torch.zeros(views, 3, 224, 224)
            network.encode_image(image)
            for i in range(ASKED):
                for name in settings:
                    k = SIGNALS["vlad" if name == NAME else name]
                    query = np.resize(asked[name][i:], (views, asked[name].shape[1]))
                    clocked(f"{name}, {views}", searchers[name].search, query, k)
                if i % 4 == 0:
                    clocked(f"ViT-B-32, {views}", network.encode_image, image)
    median = {name: float(np.median(spent)) for name, spent in taken.items()}
    result: dict[str, Any] = {"count": count, "kinds": {n: settings[n].kind for n in settings}}
    for views in (1, 2):
        forward = median[f"ViT-B-32, {views}"]
        for vlad in ("vlad", NAME) if NAME in settings else ("vlad",):
            names = [vlad if name == "vlad" else name for name in SIGNALS]
            parts = {name: round(median[f"{name}, {views}"], 2) for name in names}
            total = sum(parts.values()) + parts["embedding"]
            asked_as = "" if vlad == "vlad" else f", {vlad} for vlad"
            result[f"{views} row{'s' * (views > 1)} a signal{asked_as}"] = {
                "search, core ms": parts,
                "all signals, core ms": round(total, 2),
                "ViT-B-32 forward, core ms": round(forward, 1),
                "share": round(total / forward, 4),
                "share of one row's forward": round(total / median["ViT-B-32, 1"], 4),
            }
    return result


def settings_of(result: dict[str, Any]) -> AnnChoice:
    """The choice that a result of :func:`compare` was measured with."""
    settings = {k: v for k, v in result["settings"].items() if k != "efSearch"}
    return dataclasses.replace(AnnChoice(result["kind"], 0), **settings)


def _milliseconds(call: Callable[..., Any], *given: Any) -> tuple[float, float]:
    """What a call takes by the clock, which other work on the machine slows, and of the core."""
    started, worked = time.perf_counter(), time.process_time()
    call(*given)
    return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - worked)


def _most_memory() -> int:
    """Bytes that this process has held at once at most."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])
