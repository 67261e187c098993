"""The sampling benchmark's figures as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.common.markdown import table

RATE = 0.01
"""Share of ordinary prompts that may be flagged."""
LEAST_AUC, LEAST_RECALL, MOST_COST = 0.99, 0.95, 0.01
"""The bars of issue 16: AUC, recall at RATE, and the reading's share of a generation."""
KINDS = {"epsilon": "noise (epsilon)", "flow": "rectified flow"}

Summary = Mapping[str, Any]


def markdown_report(summary: Summary) -> str:
    """All tables, from the stored figures alone."""
    parts = [
        _preamble(summary),
        "### The prompts\n\n" + _prompts(summary["models"]),
        "### Does the first step tell memorized from ordinary prompts?\n\n"
        + _told(summary["models"]),
        "### A calibrated threshold, on prompts that did not choose it\n\n"
        + _calibrated(summary["models"]),
        "### Memorized prompts that an audit reaches\n\n" + _audit(summary["models"]),
        "### Cost\n\n" + _cost(summary["models"]),
        "### The bars\n\n" + _bars(summary["models"]),
    ]
    return "\n\n".join(parts) + "\n"


def _preamble(summary: Summary) -> str:
    pictures, machine = summary["pictures"], summary["machine"]
    recipes = {KINDS[kind]: model["recipe"] for kind, model in summary["models"].items()}
    batch, seed = ({recipe[name] for recipe in recipes.values()} for name in ("batch", "seed"))
    steps = ", ".join(f"{name} {recipe['steps']} steps" for name, recipe in recipes.items())
    return (
        f"Two text-to-image models of 32 x 32 pixels ({steps}, in batches of "
        f"{', '.join(map(str, batch))}, seed {', '.join(map(str, seed))}): "
        f"{pictures['distinct']} captioned emoji and "
        f"stamps, of which {pictures['repeated']} are in the training set "
        f"{pictures['files of a repeated one']} times; {pictures['left out']} more were left out. "
        "A copy has a relative l2 below 1 to a training picture (Carlini et al. 2023). *Memorized* "
        "are prompts of repeated pictures of whose four images at least half are copies; "
        "*ordinary* are prompts of pictures seen once or never whose image is no copy. "
        f"{summary['date']}, {machine['cpu']}, one core, torch {summary['versions']['torch']}, "
        f"memguard {summary['versions']['memguard']} ({summary['commit']})."
    )


def _prompts(models: Mapping[str, Any]) -> str:
    rows = [["model", "pictures", "prompts", "with a copy", "text guidance: 5 %, median, 95 %"]]
    for kind, model in models.items():
        for name, group in model["groups"].items():
            levels = ", ".join(map(str, group["text guidance, percentiles 5 50 95"]))
            rows.append([KINDS[kind], name, group["prompts"], group["with a copy"], levels])
    chance = ", ".join(f"{model['chance']} of {model['images']}" for model in models.values())
    return f'{table(rows)}\n\nImages that "copy" a left-out picture, by chance: {chance}.'


def _told(models: Mapping[str, Any]) -> str:
    rows = [["model", "read", "memorized", "ordinary", "AUC", "recall at 1 % of the ordinary"]]
    for kind, model in models.items():
        for name in ("one noise", "mean of four"):
            if name in model:
                counts = model["memorized"], model["ordinary"]
                told = [_interval(model[name][figure]) for figure in ("auc", "recall")]
                rows.append([KINDS[kind], name, *counts, *told])
    return table(rows) + "\n\nIn brackets the 95 % interval, by the bootstrap over prompts."


def _calibrated(models: Mapping[str, Any]) -> str:
    rows = [
        ["model", "ordinary prompts that chose it", "other ordinary flagged", "memorized found"]
    ]
    for kind, model in models.items():
        if known := model.get("calibrated"):
            rates = [_rate(known[name]) for name in ("flagged", "found")]
            rows.append([KINDS[kind], known["prompts"], *rates])
    return table(rows)


def _audit(models: Mapping[str, Any]) -> str:
    shares = list(next(iter(models.values())).get("audit", {}))
    rows = [["order", *(f"{float(share):.0%} of the prompts" for share in shares)]]
    for kind, model in models.items():
        rows.append([KINDS[kind], *(f"{value:.0%}" for value in model.get("audit", {}).values())])
    rows.append(["at random, as expected", *(f"{float(share):.0%}" for share in shares)])
    return table(rows)


def _cost(models: Mapping[str, Any]) -> str:
    rows = [["model", "seconds of a generation", "of the reading", "share", "one step alone"]]
    for kind, model in models.items():
        cost = model["cost"]
        step = f"{cost['one step']:.3f} ({cost['one step'] / cost['generation']:.1%})"
        seconds = f"{cost['generation']:.3f}", f"{cost['reading']:.5f}"
        rows.append([KINDS[kind], *seconds, f"{_share(model):.2%}", step])
    return table(rows) + "\n\nOf 8 images in 25 steps, medians of 7 calls, CPU seconds."


def _bars(models: Mapping[str, Any]) -> str:
    rows = [["bar", "model", "wanted", "found", ""]]
    for kind, model in models.items():
        if "one noise" in model:
            told = model["one noise"]
            found = {
                ("AUC", f">= {LEAST_AUC}"): (told["auc"]["value"], LEAST_AUC),
                ("recall at 1 %", f">= {LEAST_RECALL}"): (told["recall"]["value"], LEAST_RECALL),
            }
            for (name, wanted), (value, least) in found.items():
                rows.append([name, KINDS[kind], wanted, value, _met(value >= least)])
        share = _share(model)
        rows.append(["cost", KINDS[kind], "< 1 %", f"{share:.2%}", _met(share < MOST_COST)])
    return table(rows)


def _share(model: Mapping[str, Any]) -> float:
    return float(model["cost"]["reading"] / model["cost"]["generation"])


def _met(met: bool) -> str:
    return "met" if met else "MISSED"


def _interval(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f} - {figure['high']:.3f})"


def _rate(rate: Mapping[str, float]) -> str:
    share = rate["count"] / rate["total"]
    bounds = f"{rate['lower']:.1%} - {rate['upper']:.1%}"
    return f"{rate['count']}/{rate['total']} = {share:.1%} ({bounds})"
