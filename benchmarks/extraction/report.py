"""The extraction benchmark's figures as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.common.markdown import table as markdown
from memguard.calibration.calibrate import Rate

PACKAGES = ("torch", "diffusers", "numpy", "faiss-cpu", "opencv-python-headless", "ImageHash")

BARRED = ("ten", "other ten")
"""The models on which the bars are measured: 50 copies of 10 pictures. The first one's misses led
to the signal `structure_and_l2`; the second was trained after that."""
MOST_THROUGH, MOST_FALSE, LEAST_AUC = 0.01, 0.01, 0.95
"""Issue 5: copies that may get through, others that may be blocked, and how well prompts rank."""

OUTCOMES = ("copies through", "others stopped")

Summary = Mapping[str, Any]


def markdown_report(summary: Summary) -> str:
    """All tables."""
    parts = [
        _preamble(summary),
        "### What the models copied\n\n" + _copied(summary),
        "### Against duplication and model size\n\n" + _by_level(summary),
        "### Against training steps\n\n" + _by_steps(summary),
        "### The same samples behind `guard`\n\n" + _policies(summary),
        "### `regenerate`, on the model of 50 copies\n\n" + _regenerate(summary["regenerate"]),
        "### The audit without an index\n\n" + _audit(summary["audit"]),
        "### The bars\n\n" + _bars(summary),
    ]
    return "\n\n".join(parts) + "\n"


def _preamble(summary: Summary) -> str:
    pictures, machine, versions = summary["pictures"], summary["machine"], summary["versions"]
    models = summary["models"].values()
    batch, seed = ({model[name] for model in models} for name in ("batch", "seed"))
    return (
        f"Small diffusion models, trained in batches of {_all(batch)} on pictures of 32 x 32 "
        f"pixels (Debian's stamps, and pieces of photographs): {pictures['stamps']} stamps and "
        f"{pictures['pieces of photographs']} pieces, no two within an l2 of 0.18; "
        f"{pictures['left out']} more were left out of every training set. One seed a "
        f"model ({_all(seed)}). Samples by DDIM in {summary['sampling']['steps']} steps, seed "
        f"{summary['sampling']['seed']}. A copy, if nothing else is said: relative l2 below 1 to a "
        "training picture (alpha 0.5, 50 neighbours; Carlini et al. 2023, on CIFAR-10), from "
        f"pixels at full size. {summary['date']}, {machine['cpu']}, one core, torch "
        f"{versions['torch']}, memguard {versions['memguard']} ({summary['commit']}), whose code "
        f"has the digest {summary['source']}."
    )


def _all(values: Iterable[Any]) -> str:
    return ", ".join(map(str, sorted(values)))


def _copied(summary: Summary) -> str:
    criteria = ("relative l2 < 1", "l2 <= 0.1", "l2 <= 0.15")
    rows = [
        [
            "model",
            "million weights",
            "files / pictures",
            "step",
            "samples",
            *(f"copies, {name}" for name in criteria),
            "pictures extracted",
            *(f"chance, {name}" for name in criteria),
        ]
    ]
    for name, steps in summary["extraction"].items():
        model = summary["models"][name]
        for step, one in steps.items():
            extracted = sum(level["extracted"] for level in one["levels"] if level["copies"])
            rows.append(
                [
                    name,
                    _millions(model),
                    f"{model['files']} / {model['distinct pictures']}",
                    step,
                    str(one["samples"]),
                    *(_share(one["copies"][criterion], one["samples"]) for criterion in criteria),
                    str(extracted),
                    *(str(one["copies of left-out pictures"][criterion]) for criterion in criteria),
                ]
            )
    return markdown(rows) + (
        "\n\n*Chance* counts samples that would pass for copies of a left-out picture. "
        "`duplicated` and `small` saw the same pictures, 1 to 100 times each; `deduplicated` saw "
        "what is left without the files that `memguard duplicates --redundant` lists; `ten` saw 10 "
        "pictures 50 times, and the others once; `other ten` other pictures, with another "
        "seed. A model is sampled in the middle of its schedule where its step is not its last."
    )


def _by_level(summary: Summary) -> str:
    step = str(summary["compared step"])
    compared = {name: steps[step] for name, steps in summary["extraction"].items() if step in steps}
    heads = [f"{name} ({_millions(summary['models'][name])} M)" for name in compared]
    return (
        markdown([["copies", *heads], *_levels(list(compared.values()))])
        + f"\n\nAfter {step} steps of the same schedule: pictures extracted of pictures (samples "
        "that copy one, of those that a model would show that draws from its training set)."
    )


def _by_steps(summary: Summary) -> str:
    steps = summary["extraction"]["duplicated"]
    return markdown([["copies", *steps], *_levels(list(steps.values()))])


def _levels(columns: Sequence[Summary]) -> list[list[str]]:
    found = [{level["copies"]: level for level in one["levels"]} for one in columns]
    rows = []
    for copies in sorted(set().union(*found)):
        row = ["left out" if copies == 0 else str(copies)]
        for levels in found:
            level = levels.get(copies)
            row.append(
                f"{level['extracted']}/{level['pictures']} "
                f"({level['samples']} of {level['expected']:.0f})"
                if level
                else ""
            )
        rows.append(row)
    return rows


def _policies(summary: Summary) -> str:
    policies = list(next(iter(summary["guard"][BARRED[0]].values()))["policies"])
    rows = [["model", "criterion", *(f"{each}: {what}" for each in policies for what in OUTCOMES)]]
    for name, criteria in summary["guard"].items():
        for criterion, figures in criteria.items():
            totals = {"copies through": figures["copies"], "others stopped": figures["others"]}
            cells = [
                _bounded(counts[what], totals[what])
                for counts in figures["policies"].values()
                for what in OUTCOMES
            ]
            rows.append([name, criterion, *cells])
    return markdown(rows) + (
        "\n\n*Others* are, by relative l2, all samples that are no copies; by plain l2, those "
        "farther than twice the distance from every training picture. `flag` shows everything: "
        "here *through* is without a label, and *stopped* with one. `block` and `raise` act on "
        "`memorized`. With the upper Clopper-Pearson bound at 95 %."
    )


def _regenerate(figures: Summary) -> str:
    return markdown([list(figures), [str(value) for value in figures.values()]])


def _audit(figures: Summary) -> str:
    kept = {name: value for name, value in figures.items() if name not in ("prompts", "marked")}
    kept |= {f"marked, {name}": value for name, value in figures["marked"].items()}
    rows = [["rank", "prompt", "picture", "samples that are copies"]]
    rows += [
        [str(rank), row["prompt"], row["group"], str(row["copies"])]
        for rank, row in enumerate(figures["prompts"], start=1)
    ]
    return markdown([[name, str(value)] for name, value in kept.items()]) + "\n\n" + markdown(rows)


def _bars(summary: Summary) -> str:
    rows = [["bar", "model", "criterion", "wanted", "found", ""]]
    for name in BARRED:
        for criterion, figures in summary["guard"][name].items():
            block = figures["policies"]["block"]
            through, false = block["copies through"], block["others stopped"]
            for what, count, total, most in (
                ("copies that get through", through, figures["copies"], MOST_THROUGH),
                ("others blocked", false, figures["others"], MOST_FALSE),
            ):
                met = "met" if total and count / total <= most else "MISSED"
                wanted = f"<= {100 * most:g} %"
                rows.append([what, name, criterion, wanted, _bounded(count, total), met])
    audit = summary["audit"]
    for name in ("AUC, duplicated before others", "AUC, with a copy before without"):
        met = "met" if (audit[name] or 0) >= LEAST_AUC else "MISSED"
        wanted = f">= {LEAST_AUC}"
        rows.append(["audit without an index", "captioned", name, wanted, str(audit[name]), met])
    return markdown(rows)


def _millions(model: Summary) -> str:
    return f"{model['weights'] / 1e6:.1f}"


def _share(count: int, total: int) -> str:
    return f"{count} ({100 * count / total:.0f} %)"


def _bounded(count: int, total: int) -> str:
    if not total:
        return "0/0"
    rate = Rate.of(count, total)
    return f"{count}/{total} = {100 * rate.share:.1f} % (<= {100 * rate.upper:.1f} %)"
