"""The extraction benchmark's figures as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.common.markdown import table as markdown
from memguard.calibration.rates import Rate

PACKAGES = ("torch", "diffusers", "numpy", "faiss-cpu", "opencv-python-headless", "ImageHash")

BARRED = ("ten", "other ten")
"""The models on which the bars are measured: 10 pictures, 50 files of each. The misses of the first
led to the signal `structure_and_l2`; the second was trained after that."""
MOST_THROUGH, MOST_FALSE, LEAST_AUC = 0.01, 0.01, 0.95
"""Issue 5: shares of copies that get through and of others blocked, and the audit's AUC."""

OUTCOMES = ("copies through", "others stopped")

Summary = Mapping[str, Any]


def markdown_report(summary: Summary) -> str:
    """All tables, from the stored figures alone."""
    parts = [
        _preamble(summary),
        "### Copies among the samples\n\n" + _copied(summary),
        "### By repeats and model size\n\n" + _by_level(summary),
        "### By training steps\n\n" + _by_steps(summary),
        "### The same samples behind `guard`\n\n" + _policies(summary),
        "### `regenerate`, on the model with 50 files a picture\n\n"
        + _regenerate(summary["regenerate"]),
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
        f"pixels (Debian's stamps and pieces of photographs): {pictures['stamps']} stamps and "
        f"{pictures['pieces of photographs']} pieces, no two within an l2 of 0.18; "
        f"{pictures['left out']} more were left out of every training set. One seed per "
        f"model ({_all(seed)}). Sampled with DDIM in {summary['sampling']['steps']} steps, seed "
        f"{summary['sampling']['seed']}. Unless a criterion is named, a copy has a relative l2 "
        "below 1 to a training picture (alpha 0.5, 50 neighbours; Carlini et al. 2023, on "
        f"CIFAR-10), on pixels at full size. {summary['date']}, {machine['cpu']}, one core, torch "
        f"{versions['torch']}, memguard {versions['memguard']} ({summary['commit']}, cache key "
        f"{summary['source']})."
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
        "\n\n*Chance* counts samples that the criterion calls copies of a left-out picture. "
        "`duplicated` and `small` saw the same training set, with 1 to 100 files of each picture; "
        "`deduplicated` saw it without the files that `memguard duplicates --redundant` names; "
        "`ten` saw 50 files of each of 10 pictures and one file of the others; `other ten` other "
        "pictures, with another seed. Where the step is not a model's last, it was sampled in the "
        "middle of its schedule."
    )


def _by_level(summary: Summary) -> str:
    step = str(summary["compared step"])
    compared = {name: steps[step] for name, steps in summary["extraction"].items() if step in steps}
    heads = [f"{name} ({_millions(summary['models'][name])} M)" for name in compared]
    return (
        markdown([["files", *heads], *_levels(list(compared.values()))])
        + f"\n\nAfter {step} steps of the same schedule: extracted pictures / pictures (samples "
        "that copy one, of as many as a model that draws from its training set would show)."
    )


def _by_steps(summary: Summary) -> str:
    steps = summary["extraction"]["duplicated"]
    return markdown([["files", *steps], *_levels(list(steps.values()))])


def _levels(columns: Sequence[Summary]) -> list[list[str]]:
    """A row for each number of files; the JSON calls it "copies"."""
    found = [{level["copies"]: level for level in one["levels"]} for one in columns]
    rows = []
    for files in sorted(set().union(*found)):
        row = ["left out" if files == 0 else str(files)]
        for levels in found:
            level = levels.get(files)
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
        "farther than twice the distance from every training picture. `flag` shows everything; its "
        "copies *through* have no label, its *stopped* samples have one. `block` and `raise` act "
        "on `memorized`. In brackets the upper Clopper-Pearson bound at 95 %."
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
