"""Copies that memguard misses and negatives that it flags, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.detection.observation import Observation, Observations, with_role
from benchmarks.detection.plots import Pair
from benchmarks.detection.score import (
    MEMGUARD,
    Rule,
    allocated,
    columns,
    default_thresholds,
    halves,
    uncontaminated,
)
from benchmarks.detection.splits import Query, Task
from memguard.calibration.quantiles import flagged

RATE = 0.001
"""The false-positive rate for which thresholds are chosen."""
MOST_PAIRS = 36
"""Pictures of each section."""


def misses(
    tasks: Sequence[Task], splits: Mapping[str, Observations], kinds: Mapping[str, Sequence[str]]
) -> dict[str, list[Pair]]:
    """Sections of a contact sheet.

    Args:
        tasks: all tasks.
        splits: task name to its observations.
        kinds: task name to the kinds of pictures to look at.
    """
    sections: dict[str, list[Pair]] = {}
    for rule, by_default in ((MEMGUARD[1], False), (MEMGUARD[3], False), (MEMGUARD[3], True)):
        missed: list[Pair] = []
        false: list[Pair] = []
        for task in tasks:
            if rule.detector not in splits[task.name][0].distances:
                continue
            observations = [one for one in splits[task.name] if one.kind in kinds[task.name]]
            if not by_default:
                missed += _pairs(task, missed_copies(observations, rule), rule)
            false += _pairs(task, false_positives(observations, rule, by_default=by_default), rule)
        thresholds = "the default thresholds" if by_default else "thresholds for FPR 0.1 %"
        if not by_default:
            sections[f"{rule.name}: {len(missed)} copies missed by {thresholds}"] = missed
        sections[f"{rule.name}: {len(false)} novel images flagged by {thresholds}"] = false
    return {heading: pairs[:MOST_PAIRS] for heading, pairs in sections.items()}


def missed_copies(observations: Observations, rule: Rule) -> list[Observation]:
    """Copies beyond every threshold that copies of other pictures helped to choose."""
    copies = with_role(observations, "copy")
    distances, half = columns(copies, rule), halves(copies)
    negatives = columns(uncontaminated(observations, rule), rule)
    found = [False] * len(copies)
    for side in (0, 1):
        others = {name: values[half != side] for name, values in distances.items()}
        hits = flagged(distances, allocated(negatives, others, RATE))
        found = [old or (hit and own == side) for old, hit, own in zip(found, hits, half)]
    return [one for one, hit in zip(copies, found) if not hit]


def false_positives(
    observations: Observations, rule: Rule, *, by_default: bool
) -> list[Observation]:
    """Test negatives within a threshold: a default one, or one chosen from the negatives."""
    tests = with_role(observations, "test")
    if by_default:
        thresholds = default_thresholds("memorized", rule)
    else:
        copies = columns(with_role(observations, "copy"), rule)
        negatives = columns(uncontaminated(observations, rule), rule)
        thresholds = allocated(negatives, copies, RATE)
    return [one for one, hit in zip(tests, flagged(columns(tests, rule), thresholds)) if hit]


def _pairs(task: Task, observations: Observations, rule: Rule) -> list[Pair]:
    queries: dict[str, Query] = {query.key: query for query in task.queries}
    references = {picture.path.name: picture for picture in task.references}
    pairs = []
    images = task.images([queries[one.key] for one in observations])
    for one, image in zip(observations, images, strict=True):
        name = one.source if one.role == "copy" else one.nearest[rule.detector]
        pairs.append(Pair(one.transform, image, references[name].open()))
    return pairs
