"""The model's own images as negatives of a calibration.

generate, in a folder that can be resumed  ->  find images that are nearly the same (cliques)
  ->  compare all with the index  ->  ask a human about the doubtful ones  ->  count the others

What matters is the share of generated images that are blocked without reason, and nothing shows it
as directly as images of this model by prompts like those of its users.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from memguard._optional import require
from memguard.auditing.cliques import LEAST_CLIQUE, Clique, distinct_cliques
from memguard.auditing.generation import PipelineCaller
from memguard.auditing.review import Default, Question, answers, read_questions, write_questions
from memguard.auditing.run_folder import RunFolder
from memguard.auditing.samples import Sample
from memguard.auditing.sampling import Progress, describe_request, generate_all
from memguard.calibration.contamination import copied
from memguard.calibration.negatives import Named, Negatives
from memguard.defaults import AUDIT_BATCH, NEEDED_PER_RATE
from memguard.detection.detector import Detector
from memguard.errors import ConfigurationError
from memguard.pipelines.guarded import Guarded
from memguard.verdict import Match, TextGuidance, Verdict
from memguard.vision.picture import Picture

NEEDED_PER_SPARE = 10
"""Of this many images that are needed one more is made: some are blank or copies, and are no
evidence. Chosen by hand."""

PART = 500
"""Images of a model without prompts that are stored in one JSON file."""

MOST_COUNTED = 20
"""Images that count unless a human says that they are copies, and are shown: the nearest ones."""


def generations_needed(rate: float) -> int:
    """Images to make, so that those that are evidence can prove a false-positive rate."""
    needed = math.ceil(NEEDED_PER_RATE / rate)
    return needed + math.ceil(needed / NEEDED_PER_SPARE)


def generate_negatives(
    pipe: Callable[..., Any],
    prompts: Sequence[str] | None,
    output: str | os.PathLike[str],
    count: int,
    *,
    batch_size: int = AUDIT_BATCH,
    seed: int = 0,
    arguments: Mapping[str, Any] | None = None,
    on_progress: Progress = lambda _what, _done, _total: None,
) -> Generations:
    """Make images with a model, in a folder; the same call resumes it, and may ask for more.

    Args:
        pipe: as for :func:`memguard.audit`, but not guarded.
        prompts: distinct texts like those that users write; None for a model that takes none.
        output: the folder.
        count: images in all. They are divided among the prompts; with fewer images than prompts,
            prompts are drawn.
        batch_size: images made in one call.
        seed: the seed of each image follows from it.
        arguments: further arguments of every call.
        on_progress: called with a step's name, the work done, and all its work.

    Raises:
        ConfigurationError: an argument is out of range, the pipeline is guarded, the folder holds
            other images, or the extra ``audit`` is not installed.
        UnsupportedOutputError: the pipeline returns no images that memguard can read.
    """
    require("networkx", extra="audit")
    if isinstance(pipe, Guarded):
        raise ConfigurationError(
            "this pipeline is guarded: calibrate with the pipeline itself, or its thresholds would "
            "choose their own evidence"
        )
    if count < 1:
        raise ConfigurationError(f"a calibration takes at least one image, not {count}")
    caller = PipelineCaller(pipe, arguments or {})
    if prompts is None and caller.takes_prompt:
        raise ConfigurationError(f"{caller.name} takes prompts: name some, like those of its users")
    if prompts is not None and (not prompts or len(set(prompts)) < len(prompts)):
        raise ConfigurationError("negatives need distinct prompts, and at least one")
    drawn = None if prompts is None else _shuffled(prompts, seed)
    folder = RunFolder(output)
    with folder.locked(describe_request(caller, seed, batch_size, prompts=drawn)):
        generate_all(
            caller,
            folder,
            _parts(count) if drawn is None else _divided(count, drawn),
            seed=seed,
            batch_size=batch_size,
            on_progress=on_progress,
        )
    return Generations.open(output, on_progress)


def _shuffled(prompts: Sequence[str], seed: int) -> list[str]:
    """The prompts in an order of which every beginning is a fair sample."""
    return [prompts[i] for i in np.random.default_rng(seed).permutation(len(prompts)).tolist()]


def _divided(count: int, prompts: Sequence[str]) -> list[tuple[str | None, int]]:
    each, more = divmod(count, len(prompts))
    divided = [(prompt, each + (i < more)) for i, prompt in enumerate(prompts)]
    return [(prompt, images) for prompt, images in divided if images]


def _parts(count: int) -> list[tuple[str | None, int]]:
    return [(None, min(PART, count - start)) for start in range(0, count, PART)]


@dataclass(frozen=True)
class Found:
    """What a generation looks like to the index.

    Attributes:
        nearest: the reference that it copies, else the nearest; None where nothing came near.
        agreed: whether independent signals agree that it copies that reference.
        verdict: by default thresholds.
    """

    nearest: Match | None
    agreed: bool
    verdict: Verdict


class Generations(Negatives):
    """Images that a model made, in the folder of their run.

    Args:
        folder: the run.
        request: what decided which images were made.
        prompts: file of each image to its prompt; empty for a model without prompts.
        cliques: images that are nearly the same; members are positions among ``prompts``.
        questions: of an earlier calibration, with a human's answers.
        guidance: file to what was read of its prompt, where that could be read.
    """

    method = "generations"
    keeps_contaminated = False

    def __init__(
        self,
        folder: RunFolder,
        request: Mapping[str, Any],
        prompts: Mapping[str, str],
        cliques: Iterable[Clique] = (),
        questions: Sequence[Question] = (),
        guidance: Mapping[str, TextGuidance] = MappingProxyType({}),
    ) -> None:
        self.path = folder.path
        self.folder = folder.path.absolute()
        self._folder = folder
        self._request = request
        self._prompts = prompts
        self._files = list(prompts)
        self._asked = questions
        self._guidance = guidance
        self._found: dict[str, Found] = {}
        self._groups = {
            self._files[int(clique.medoid or 0)]: [self._files[i] for i in clique.members]
            for clique in cliques
        }
        self.alike = {file: len(group) for group in self._groups.values() for file in group}
        self.copies = self._judged(answers(questions))
        self.source = self._in_words()

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        on_progress: Progress = lambda _what, _done, _total: None,
    ) -> Generations:
        """The images in the folder of a run: of :func:`generate_negatives`, or of an audit.

        Raises:
            ConfigurationError: the folder holds no run, or is damaged, or the extra ``audit`` is
                not installed.
        """
        folder = RunFolder(path)
        request = folder.request()
        texts = request.get("prompts") or []
        made: dict[str, Sample] = {}
        prompts: dict[str, str] = {}
        for number in folder.numbers():
            for sample in folder.samples(number):
                if sample.file is not None and sample.status in ("made", "blank"):
                    made[sample.file] = sample
                    prompts[sample.file] = texts[number] if number < len(texts) else ""
        shown = [at for at, sample in enumerate(made.values()) if sample.status == "made"]
        files = list(made)
        squares = folder.squares([files[at] for at in shown], on_progress)
        cliques = [
            dataclasses.replace(
                clique,
                members=tuple(shown[i] for i in clique.members),
                medoid=None if clique.medoid is None else shown[clique.medoid],
            )
            for clique in distinct_cliques(squares, least=LEAST_CLIQUE)
        ]
        guidance = {
            file: sample.text_guidance
            for file, sample in made.items()
            if sample.text_guidance is not None
        }
        return cls(folder, request, prompts, cliques, read_questions(folder.path), guidance)

    def __len__(self) -> int:
        return len(self._files)

    def read(self, start: int, stop: int) -> list[Named]:
        return [(file, Picture(self._folder.image(file))) for file in self._files[start:stop]]

    def find_matches(self, detector: Detector, negatives: Sequence[Named]) -> list[list[Match]]:
        found = detector.find_matches([picture for _, picture in negatives])
        for (file, _), matches in zip(negatives, found, strict=True):
            copies = copied(matches, detector.signals)
            nearest = next(iter(copies or matches), None)
            self._found[file] = Found(nearest, bool(copies), detector.decide(matches))
        return found

    def address(self, name: str) -> str:
        return str(self.path / name)

    def text_guidance(self, set_aside: Collection[str]) -> list[TextGuidance]:
        remembered = {
            prompt for file, prompt in self._prompts.items() if self.address(file) in set_aside
        }
        found: dict[str, TextGuidance] = {}
        for file, measured in self._guidance.items():
            prompt = self._prompts[file]
            if prompt not in remembered:
                found.setdefault(prompt, measured)
        return list(found.values())

    def questions(self) -> list[Question]:
        """What a human should judge, once the images are compared with an index.

        First what is set aside, the largest cliques first, then the nearest of those that count.
        """
        alone = [file for file in self._found if file not in self.alike]
        set_aside = [
            *sorted(self._groups, key=lambda file: -len(self._groups[file])),
            *(file for file in alone if self._found[file].agreed),
        ]
        near = [
            file
            for file in alone
            if not self._found[file].agreed and self._found[file].verdict.label != "clear"
        ]
        near.sort(key=lambda file: -self._found[file].verdict.score)
        asked = [
            *(self._question(file, "set aside") for file in set_aside),
            *(self._question(file, "counted") for file in near[:MOST_COUNTED]),
        ]
        files = {question.file for question in asked}
        files.update(self.alike)
        return asked + [each for each in self._asked if each.judged and each.file not in files]

    def write_review(self) -> Path:
        """Write the questions, with the answers so far, into the folder; return the file."""
        return write_questions(self.path, self.questions())

    def _question(self, file: str, default: Default) -> Question:
        found, copy = self._found.get(file), self.copies.get(file)
        nearest = found.nearest if found else None
        return Question(
            copy="" if copy is None else "yes" if copy else "no",
            unless_answered=default,
            why=_why(found, self.alike.get(file, 0)),
            file=file,
            images=self.alike.get(file, 1),
            nearest=nearest.uri if nearest else "",
            prompt=self._prompts[file],
        )

    def _in_words(self) -> str:
        asked = self._request
        used = len(set(self._prompts.values()) - {""})
        by = f" by {used} prompts" if used else ""
        seed = f", seed {asked['seed']}" if asked.get("seeded") else ", without seeds"
        judged = f"; a human judged {len(self.copies)} of them" if self.copies else ""
        weights = asked.get("weights_sha256")
        hashed = f"; SHA-256 of its weights {weights}" if weights else ""
        path = self.path.resolve()
        return f"{len(self)} images of {asked.get('pipeline')}{by}{seed}, in {path}{hashed}{judged}"

    def _judged(self, said: Mapping[str, bool]) -> dict[str, bool]:
        """The answers; one for an image is for all that are nearly the same."""
        judged = {file: copy for file, copy in said.items() if file in self._prompts}
        for group in self._groups.values():
            for file in group:
                if file in said:
                    judged.update(dict.fromkeys(group, said[file]))
        return judged


def _why(found: Found | None, alike: int) -> str:
    reasons = []
    if alike:
        reasons.append(f"{alike} images are nearly the same")
    if found is not None and found.agreed:
        reasons.append("independent signals agree that it copies the nearest training image")
    return "; ".join(reasons) or (found.verdict.why if found else "")
