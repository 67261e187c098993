"""What do search and build cost at the size of a training set?

    python -m benchmarks.index search together [--pictures CACHE] [--vectors N] [--scratch FOLDER]
    python -m benchmarks.index throughput --pictures CACHE [--images 300] [--others PACKAGES]
    python -m benchmarks.index memory [--sizes 10000 100000 1000000]

`search` builds each kind of FAISS index over a million synthetic vectors and, with --pictures, over
VLAD vectors of pieces of real pictures. `together` times the searches of all signals for one image
next to a forward pass of ViT-B-32; it needs what `search` built of as many vectors in the same
folder. `throughput` compares a build of real pictures with the bare forward pass, and with
imagededup if PACKAGES holds it. `memory` is the peak memory of a build. Each part updates
results/index.json and rewrites results/index.md. README.md has time, memory and disk.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.index import PACKAGES
from benchmarks.index.build import measure_memory, measure_throughput
from benchmarks.index.pieces import PIECES
from benchmarks.index.report import PARTS, report
from benchmarks.index.search import COMPARED, SIGNALS, compare, settings_of, time_together
from benchmarks.index.vectors import SEED
from memguard.index.ann.planner import inverted_list_count

Results = dict[str, dict[str, Any]]
"""Part to the name of each measurement to its figures."""
Measured = Iterator[tuple[str, dict[str, Any]]]
"""Measurements by name, one after the other."""


def main() -> None:
    options = _options()
    file = (options.scratch if options.quick else RESULTS) / "index.json"
    results: Results = json.loads(file.read_text()) if file.exists() else {}
    for part in options.parts:
        for name, figures in MEASURES[part](options, results):
            made_with = {**provenance(PACKAGES), "threads": 1, "seed": SEED}
            results.setdefault(part, {})[name] = figures | made_with
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(results, indent=1) + "\n")
            file.with_suffix(".md").write_text(report(results))
            print(name, json.dumps(figures), flush=True)


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.index", description=__doc__)
    arguments.formatter_class = argparse.RawDescriptionHelpFormatter
    arguments.add_argument("parts", nargs="+", choices=PARTS)
    arguments.add_argument("--vectors", type=int, default=10**6, help="of each descriptor")
    arguments.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "index")
    arguments.add_argument("--only", nargs="*", help="descriptors or kinds that `search` builds")
    arguments.add_argument("--pictures", type=Path, help="cache of benchmarks.common.pictures")
    arguments.add_argument("--images", type=int, default=300)
    arguments.add_argument("--others", type=Path, help="folder of packages to compare with")
    arguments.add_argument("--sizes", type=int, nargs="+", default=[10**4, 10**5, 10**6])
    arguments.add_argument(
        "--quick",
        action="store_true",
        help="20,000 vectors, 30 images, 5,000 records; results go to the scratch folder",
    )
    options = arguments.parse_args()
    if options.quick:
        options.vectors, options.images, options.sizes = 20_000, 30, [5_000]
    return options


def _search(options: argparse.Namespace, _: Results) -> Measured:
    """Every kind; the first of each descriptor, then the second of each, and so on."""
    depth = 1 if options.quick else max(map(len, COMPARED.values()))
    for number in range(depth):
        for vectors, patterns in COMPARED.items():
            if number >= len(patterns) or (vectors == PIECES and options.pictures is None):
                continue
            kind = patterns[number].format(lists=inverted_list_count(options.vectors))
            if not options.only or {vectors, patterns[number], kind} & set(options.only):
                figures = compare(vectors, kind, options.vectors, options.scratch, options.pictures)
                yield f"{vectors} {kind} {options.vectors}", figures


def _together(options: argparse.Namespace, results: Results) -> Measured:
    settings = {}
    for vectors in (*SIGNALS, PIECES):
        kind = COMPARED[vectors][0].format(lists=inverted_list_count(options.vectors))
        searched = f"{vectors} {kind} {options.vectors}"
        if vectors in SIGNALS or searched in results["search"]:
            settings[vectors] = settings_of(results["search"][searched])
    yield str(options.vectors), time_together(options.vectors, options.scratch, settings)


def _throughput(options: argparse.Namespace, _: Results) -> Measured:
    if options.pictures is None:
        raise SystemExit("throughput needs --pictures CACHE")
    yield from measure_throughput(options.pictures, options.images, options.scratch, options.others)


def _memory(options: argparse.Namespace, _: Results) -> Measured:
    for size in options.sizes:
        yield str(size), measure_memory(size, options.scratch)


MEASURES = {
    "search": _search,
    "together": _together,
    "throughput": _throughput,
    "memory": _memory,
}


if __name__ == "__main__":
    main()
