"""The figures of the index benchmark as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.common.markdown import table
from benchmarks.index.vectors import KINDS

Figures = Mapping[str, Any]

SEARCH_COLUMNS = {
    "bytes per image": "bytes per image",
    "bytes of rerank vectors": "bytes of rows to compare again",
    "build seconds": "build seconds",
    "build peak memory, MB": "build peak memory, MB",
    "open and first search, s": "open and first search, s",
    "p50 ms, batch 1": "p50 ms, batch 1",
    "p99 ms, batch 1": "p99 ms, batch 1",
    "core ms, batch 1": "core ms, batch 1",
    "p50 ms, batch 64": "p50 ms, batch 64",
    "p99 ms, batch 64": "p99 ms, batch 64",
    "core ms, batch 64": "core ms, batch 64",
    "recall of copies": "recall of copies",
    "commit": "commit",
}
"""Heading to the key of the stored figures."""


def report(results: Mapping[str, Mapping[str, Figures]]) -> str:
    """One section for each part that has figures."""
    return "\n".join(TEXTS[part](results[part]) + "\n" for part in PARTS if part in results)


def _search_text(found: Mapping[str, Figures]) -> str:
    order = {name: i for i, name in enumerate(KINDS)}
    lines = sorted(found.values(), key=lambda one: (one["count"], order[one["rows"]]))
    rows: list[Sequence[Any]] = [("vectors", "kind", *SEARCH_COLUMNS)]
    for one in lines:
        settings = ", ".join(f"{name} {value}" for name, value in one["settings"].items() if value)
        kind = one["kind"] + (f" ({settings})" if settings else "")
        figures = [one.get(key, 0) for key in SEARCH_COLUMNS.values()]
        rows.append([f"{one['rows']}, {one['count']:,}", kind, *figures])
    return (
        "## Kinds of FAISS index\n\n"
        "Synthetic vectors in 5,000 clusters, except `pieces`; one thread. "
        + "; ".join(_described(name) for name in KINDS)
        + ". Recall: the share of copies whose reference is among the 5 nearest neighbours, for "
        "copies that tuning has not seen and that an exact search finds. *Core* is processor time, "
        "which other work on the machine does not lengthen. Candidates are reranked with vectors "
        "of one byte per component in a memory-mapped file (at commit 0a5575f: with the stored "
        "vectors, by a Lance `take`). Peak memory is that of the whole process, including the "
        f"pages of mapped files.\n\n{_made_with(lines[-1])}\n\n{table(rows)}"
    )


def _described(name: str) -> str:
    kind = KINDS[name]
    if kind.copy is None or kind.within is None:
        return f"{name}: VLAD of windows of real pictures, copies by the build's own transforms"
    if kind.metric == "hamming":
        return f"{name}: copies share {kind.copy:.0%} of the bits, neighbours {kind.within:.0%}"
    return f"{name}: copies at a cosine of {kind.copy}, neighbours at {kind.within}"


def _together_text(found: Mapping[str, Figures]) -> str:
    rows: list[Sequence[Any]] = [
        (
            "vectors",
            "queries",
            "core ms",
            "all, core ms",
            "ViT-B-32, core ms",
            "share",
            "share of one image's pass",
        )
    ]
    for one in found.values():
        for key, views in one.items():
            if isinstance(views, dict) and "share" in views:
                parts = ", ".join(f"{name} {ms}" for name, ms in views["search, core ms"].items())
                shares = [f"{views[s]:.1%}" for s in ("share", "share of one row's forward")]
                forward = views["ViT-B-32 forward, core ms"]
                total = views["all signals, core ms"]
                queries = key.replace("rows", "vectors").replace("row", "vector")
                rows.append([f"{one['count']:,}", queries, parts, total, forward, *shares])
    return (
        "## All signals together, next to one forward pass of ViT-B-32\n\n"
        "Medians of processor time on one thread; searches and forward passes take turns. The "
        "embedding counts twice (CLIP and SSCD). Two vectors a signal are those of an image and "
        "its mirror image; ViT-B-32 then sees both too (in the last column: only one of them).\n\n"
        f"{_made_with(list(found.values())[-1])}\n\n{table(rows)}"
    )


def _throughput_text(found: Mapping[str, Figures]) -> str:
    columns = ("images", "seconds", "images per second", "of the bare forward pass")
    rows = [["what", *columns]]
    rows += [[name, *(one.get(column, "") for column in columns)] for name, one in found.items()]
    return (
        "## Throughput of a build\n\n"
        "Real pictures of `benchmarks.common.pictures`; one process decodes and describes them. "
        "ViT-B-32 has random weights, which take as long as learned ones.\n\n"
        f"{_made_with(list(found.values())[-1])}\n\n{table(rows)}"
    )


def _memory_text(found: Mapping[str, Figures]) -> str:
    columns = (
        "seconds",
        "peak memory, MB",
        "before the build, MB",
        "index, bytes per image",
        "open, s",
    )
    lines = sorted(found.items(), key=lambda item: int(item[0]))
    rows = [["records", *columns]]
    rows += [[f"{int(size):,}", *(one.get(c, "") for c in columns)] for size, one in lines]
    return (
        "## Peak memory of a build\n\n"
        "Synthetic embeddings of 512 components, read by memguard's own source of precomputed "
        "embeddings. Memory of all of memguard's processes, including the loaded model.\n\n"
        f"{_made_with(lines[-1][1])}\n\n{table(rows)}"
    )


def _made_with(one: Figures) -> str:
    machine, versions = one["machine"], one["versions"]
    packages = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"{one['date']}, {machine['cpu']}, {machine['cores']} cores (load {machine['load']}), "
        f"commit {one['commit']}, seed {one['seed']}; {packages}."
    )


TEXTS = {
    "search": _search_text,
    "together": _together_text,
    "throughput": _throughput_text,
    "memory": _memory_text,
}
PARTS = tuple(TEXTS)
