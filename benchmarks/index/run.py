"""The index at the size of a training set: search, and build.

    python benchmarks/index.py search together [--pictures CACHE] [--rows N] [--scratch FOLDER]
    python benchmarks/index.py throughput --pictures CACHE [--images 300] [--others PACKAGES]
    python benchmarks/index.py memory [--sizes 10000 100000 1000000]

`search` builds each kind of FAISS index over a million synthetic rows and, given pictures, over
rows of pieces of them; `together` searches all signals for one image, next to a forward pass of
ViT-B-32 (it needs `search` with the same rows and folder);
`throughput` builds an index of real pictures, next to bare forward passes, and to imagededup
where `pip install --no-deps --target PACKAGES imagededup` has put it (clip-retrieval 2.45 does not
install beside these packages: it wants numpy 1, pyarrow 15 and open_clip 2); `memory` is the peak
of `memguard build`. Each writes its part of benchmarks/results/index.json, and index.md anew. Of
a million rows, `search` takes an hour of one core, 25 GB of disk and 4 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks.common.provenance import commit, cpu
from benchmarks.index.rows import KINDS, SEED
from memguard.index.ann.planner import lists

RESULTS = Path(__file__).parents[1] / "results" / "index.json"
PACKAGES = ("memguard", "faiss-cpu", "pylance", "pyarrow", "numpy", "torch", "open_clip_torch")
PARTS = ("search", "together", "throughput", "memory")


def main() -> None:
    options = _options()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in options.parts:
        for name, result in MEASURES[part](options, results):
            results.setdefault(part, {})[name] = result | _provenance()
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            RESULTS.with_suffix(".md").write_text(report(results))
            print(name, json.dumps(result), flush=True)


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("parts", nargs="+", choices=PARTS)
    arguments.add_argument("--rows", type=int, default=10**6)
    arguments.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "index")
    arguments.add_argument("--only", nargs="*", help="descriptors, or kinds, that `search` builds")
    arguments.add_argument("--pictures", type=Path, help="the cache of benchmarks/pictures.py")
    arguments.add_argument("--images", type=int, default=300)
    arguments.add_argument("--others", type=Path, help="a folder of packages to compare with")
    arguments.add_argument("--sizes", type=int, nargs="+", default=[10**4, 10**5, 10**6])
    return arguments.parse_args()


def search(options: argparse.Namespace, _: dict[str, Any]) -> Any:
    from benchmarks.index.search import COMPARED, NAME, compare

    depth = max(map(len, COMPARED.values()))
    pairs = [
        (rows, kinds[i]) for i in range(depth) for rows, kinds in COMPARED.items() if kinds[i:]
    ]
    for rows, pattern in pairs:
        if rows == NAME and options.pictures is None:
            continue
        kind = pattern.format(lists=lists(options.rows))
        if not options.only or {rows, pattern, kind} & set(options.only):
            yield (
                f"{rows} {kind} {options.rows}",
                compare(rows, kind, options.rows, options.scratch, options.pictures),
            )


def together(options: argparse.Namespace, results: dict[str, Any]) -> Any:
    from benchmarks.index.search import COMPARED, NAME, SIGNALS, settings_of
    from benchmarks.index.search import together as measure

    settings = {}
    for rows in (*SIGNALS, NAME):
        kind = COMPARED[rows][0].format(lists=lists(options.rows))
        searched = f"{rows} {kind} {options.rows}"
        if rows in SIGNALS or searched in results["search"]:
            settings[rows] = settings_of(results["search"][searched])
    yield str(options.rows), measure(options.rows, options.scratch, settings)


def throughput(options: argparse.Namespace, _: dict[str, Any]) -> Any:
    from benchmarks.index.build import throughput as measure

    yield from measure(options.pictures, options.images, options.scratch, options.others)


def memory(options: argparse.Namespace, _: dict[str, Any]) -> Any:
    from benchmarks.index.build import memory as measure

    for size in options.sizes:
        yield str(size), measure(size, options.scratch)


MEASURES = {
    "search": search,
    "together": together,
    "throughput": throughput,
    "memory": memory,
}


def _provenance() -> dict[str, Any]:
    return {
        "date": date.today().isoformat(),
        "commit": commit(),
        "machine": {
            "platform": platform.platform(),
            "cpu": cpu(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
        },
        "threads": 1,
        "seed": SEED,
        "versions": {name: version(name) for name in PACKAGES},
    }


# ---- Markdown ----


def report(results: dict[str, Any]) -> str:
    written = {
        "search": _search_text,
        "together": _together_text,
        "throughput": _throughput_text,
        "memory": _memory_text,
    }
    return "\n".join(written[part](results[part]) for part in PARTS if part in results)


def _search_text(found: dict[str, Any]) -> str:
    columns = (
        "rows",
        "kind",
        "bytes per image",
        "bytes of rows to compare again",
        "build seconds",
        "build peak memory, MB",
        "open and first search, s",
        "p50 ms, batch 1",
        "p99 ms, batch 1",
        "core ms, batch 1",
        "p50 ms, batch 64",
        "p99 ms, batch 64",
        "core ms, batch 64",
        "recall of copies",
        "commit",
    )
    order = {name: i for i, name in enumerate(KINDS)}
    lines = sorted(found.values(), key=lambda row: (row["count"], order[row["rows"]]))
    table = []
    for row in lines:
        settings = ", ".join(f"{name} {value}" for name, value in row["settings"].items() if value)
        kind = row["kind"] + (f" ({settings})" if settings else "")
        table.append(
            [f"{row['rows']}, {row['count']:,}", kind, *(row.get(c, 0) for c in columns[2:])]
        )
    text = (
        "## Kinds of FAISS index\n\n"
        + "Synthetic rows in 5,000 clusters, unless said otherwise; one thread. "
        + "; ".join(_described(name) for name in KINDS)
        + ". Recall is that of copies which tuning never saw, of those that an exact search finds, "
        "among 5 neighbours. *Core* is processor time, which other work on the machine does not "
        "lengthen. Candidates are compared again by rows in a byte a component, in a mapped file "
        "(at commit 0a5575f: as they are stored, by a Lance `take`); peak memory is that of the "
        f"whole process, pages of mapped files included.\n\n{_made_by(lines[-1])}\n\n"
    )
    return text + _table(columns, table)


def _described(name: str) -> str:
    kind = KINDS[name]
    if kind.copy is None:
        return f"{name}: VLAD of windows of real pictures, copies by the build's own transforms"
    if kind.metric == "hamming":
        return f"{name}: copies share {kind.copy:.0%} of the bits, neighbours {kind.within:.0%}"
    return f"{name}: copies at a cosine of {kind.copy}, neighbours at {kind.within}"


def _together_text(found: dict[str, Any]) -> str:
    table = []
    for one in found.values():
        for key, views in one.items():
            if isinstance(views, dict) and "share" in views:
                parts = ", ".join(f"{name} {ms}" for name, ms in views["search, core ms"].items())
                shares = [f"{views[s]:.1%}" for s in ("share", "share of one row's forward")]
                forward = views["ViT-B-32 forward, core ms"]
                size = f"{one['count']:,}"
                table.append([size, key, parts, views["all signals, core ms"], forward, *shares])
    columns = (
        "rows",
        "asked",
        "core ms",
        "all, core ms",
        "ViT-B-32, core ms",
        "share",
        "share of one row's pass",
    )
    return (
        "## All signals together, next to one forward pass of ViT-B-32\n\n"
        "Medians of processor time, one thread, by turns; embedding counts twice (CLIP and SSCD). "
        "Two rows a signal are those of an image and its mirror image; ViT-B-32 sees both too "
        "(the last column: one of them).\n\n"
        + _made_by(list(found.values())[-1])
        + "\n\n"
        + _table(columns, table)
    )


def _throughput_text(found: dict[str, Any]) -> str:
    columns = ("what", "images", "seconds", "images per second", "of the bare forward pass")
    table = [[name, *(row.get(c, "") for c in columns[1:])] for name, row in found.items()]
    return (
        "## Throughput of a build\n\n"
        "Real pictures of `benchmarks/pictures.py`, one process decodes and describes; ViT-B-32 "
        "has random weights, which take as long as others.\n\n"
        + _made_by(list(found.values())[-1])
        + "\n\n"
        + _table(columns, table)
    )


def _memory_text(found: dict[str, Any]) -> str:
    columns = (
        "records",
        "seconds",
        "peak memory, MB",
        "before the build, MB",
        "index, bytes per image",
        "open, s",
    )
    rows = sorted(found.items(), key=lambda item: int(item[0]))
    table = [[f"{int(size):,}", *(row.get(c, "") for c in columns[1:])] for size, row in rows]
    return (
        "## Peak memory of a build\n\n"
        "Synthetic embeddings of 512 components, read by memguard's own source of precomputed "
        "embeddings; of all of memguard's processes, the loaded model included.\n\n"
        + _made_by(rows[-1][1])
        + "\n\n"
        + _table(columns, table)
    )


def _made_by(row: dict[str, Any]) -> str:
    machine, versions = row["machine"], row["versions"]
    packages = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"{row['date']}, {machine['cpu']}, {machine['cores']} cores (load {machine['load']}), "
        f"commit {row['commit']}, seed {row['seed']}; {packages}."
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


if __name__ == "__main__":
    main()
