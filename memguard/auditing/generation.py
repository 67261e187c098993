"""Seeded images from any pipeline, with those that its guard withheld."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from PIL import Image

from memguard.auditing.model_weights import weights_sha256
from memguard.auditing.samples import Status
from memguard.errors import ConfigurationError, MemorizedImageError, UnsupportedOutputError
from memguard.pipelines.call import COUNT_ARGUMENTS
from memguard.pipelines.guarded import Guarded
from memguard.pipelines.outputs import find_images
from memguard.pipelines.seeds import SEED_ARGUMENTS, derived_seed
from memguard.sampling.text_guidance import reading
from memguard.verdict import TextGuidance, Verdict
from memguard.vision.picture import Picture

AUDIT_ARGUMENTS = {"prompt", *SEED_ARGUMENTS, *COUNT_ARGUMENTS}
"""The arguments that memguard itself passes."""

PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class GeneratedImage:
    """One image of a call; the picture may be missing where a guard withheld it, and the text
    guidance where it could not be read."""

    picture: Image.Image | None
    status: Status
    text_guidance: TextGuidance | None = None


class PipelineCaller:
    """A pipeline, and how an audit calls it.

    Args:
        pipeline: a diffusion pipeline, guarded or not, or any callable that returns images.
        arguments: further arguments of every call, such as ``num_inference_steps``.

    Raises:
        ConfigurationError: the pipeline is not callable, or the arguments name what the audit
            itself sets.
    """

    def __init__(self, pipeline: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        if not callable(pipeline):
            raise ConfigurationError(
                f"images are made by a pipeline, not a {type(pipeline).__name__}"
            )
        ours = AUDIT_ARGUMENTS & arguments.keys()
        if ours:
            raise ConfigurationError(f"memguard itself sets {', '.join(sorted(ours))}")
        self.pipeline = pipeline
        self.arguments = dict(arguments)
        self._parameters = _parameters(pipeline)
        self._count = next((name for name in COUNT_ARGUMENTS if name in self._parameters), None)
        self._generator_per_image = "generator" in self._parameters and _of_diffusers(pipeline)

    @property
    def seeded(self) -> bool:
        """Whether the pipeline takes a generator or a seed, so that images are reproducible."""
        return not self._parameters.isdisjoint(SEED_ARGUMENTS)

    @property
    def takes_prompt(self) -> bool:
        """Whether the pipeline's signature has a prompt."""
        return "prompt" in self._parameters

    @property
    def plain_arguments(self) -> dict[str, Any]:
        """The further arguments as plain JSON values; the type of any other value."""
        return {
            name: value if isinstance(value, PLAIN) else f"<{type(value).__qualname__}>"
            for name, value in sorted(self.arguments.items())
        }

    @property
    def place(self) -> str | None:
        """Where a pipeline of diffusers was loaded from: a directory or hub name."""
        place = getattr(self.pipeline, "name_or_path", None)
        return place if isinstance(place, str) and place else None

    @cached_property
    def weights_sha256(self) -> str | None:
        """See :func:`memguard.auditing.model_weights.weights_sha256`."""
        return weights_sha256(self.pipeline)

    @property
    def name(self) -> str:
        """The pipeline's class or function, and its guard's policy."""
        named = self.pipeline if hasattr(self.pipeline, "__qualname__") else type(self.pipeline)
        name = f"{named.__module__}.{named.__qualname__}"
        if isinstance(self.pipeline, Guarded):
            policy = self.pipeline.guard.policy
            name += f", guarded ({policy.action} at {policy.at})"
        return name

    def generate(self, prompt: str | None, seeds: Sequence[int]) -> list[GeneratedImage]:
        """Images of a prompt, one per seed.

        A pipeline without an argument for the number of images gets the first seed only, and
        returns as many images as it makes in one call.

        Raises:
            UnsupportedOutputError: the pipeline returned no images.
        """
        try:
            with reading(self.pipeline, extra_forward=True) as seen:
                output = find_images(self._call(prompt, seeds))
        except MemorizedImageError as error:
            return [GeneratedImage(None, "withheld") for _ in error.verdicts][: len(seeds)]
        if not output.pictures:
            raise UnsupportedOutputError(f"{self.name} returned no images")
        verdicts = self._verdicts(len(output.pictures))
        pictures = [one if isinstance(one, Image.Image) else None for one in output.pictures]
        guidance: list[TextGuidance | None] = [*seen.text_guidance]
        if len(guidance) != len(verdicts):
            guidance = [None] * len(verdicts)
        images = [
            GeneratedImage(picture, _status(picture, verdict), measured)
            for picture, verdict, measured in zip(pictures, verdicts, guidance)
        ]
        return images[: len(seeds)]

    def first_step(self, prompt: str, seeds: Sequence[int]) -> list[TextGuidance]:
        """The text guidance of a prompt, one per seed; the call ends after its first step.

        Empty where it cannot be read.
        """
        with reading(self.pipeline, extra_forward=True, stop=True) as seen:
            self._call(prompt, seeds)
        return seen.text_guidance

    def recorded_seeds(self, seeds: Sequence[int]) -> list[int | None]:
        """The seed to store for the image of each seed.

        Its own where the pipeline takes one per image, else that of the call, else None.
        """
        if not self.seeded:
            return [None] * len(seeds)
        return list(seeds) if self._generator_per_image else [seeds[0]] * len(seeds)

    def _call(self, prompt: str | None, seeds: Sequence[int]) -> Any:
        used = seeds if self._count else seeds[:1]
        keywords = {**self.arguments, **self._seeding(used)}
        if self._count:
            keywords[self._count] = len(used)
        if prompt is None:
            return self.pipeline(**keywords)
        if "prompt" in self._parameters:
            return self.pipeline(**keywords, prompt=prompt)
        return self.pipeline(prompt, **keywords)

    def _seeding(self, seeds: Sequence[int]) -> dict[str, Any]:
        if "generator" not in self._parameters:
            return {"seed": seeds[0]} if "seed" in self._parameters else {}
        import torch

        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        several = self._generator_per_image and len(seeds) > 1
        return {"generator": generators if several else generators[0]}

    def _verdicts(self, count: int) -> Sequence[Verdict | None]:
        if isinstance(self.pipeline, Guarded):
            return self.pipeline.last_verdicts
        return [None] * count


def image_seed(seed: int, prompt: int, image: int) -> int:
    """The seed of an image, from the audit's seed and the numbers of its prompt and of itself."""
    return derived_seed(f"{seed}/{prompt}/{image}".encode())


def _status(picture: Image.Image | None, verdict: Verdict | None) -> Status:
    if picture is None:
        return "unreadable"
    if not Picture(picture).is_blank:
        return "made"
    withheld = verdict is not None and verdict.label in ("memorized", "similar", "unchecked")
    return "withheld" if withheld else "blank"


def _parameters(pipeline: Callable[..., Any]) -> frozenset[str]:
    """The names of the arguments, with those of the base's ``__call__`` where a class passes
    keywords on to it."""
    calls = [vars(base)["__call__"] for base in type(pipeline).__mro__ if "__call__" in vars(base)]
    names: set[str] = set()
    for call in (pipeline, *calls):
        try:
            parameters = inspect.signature(call).parameters
        except (TypeError, ValueError):
            break
        names |= parameters.keys()
        if all(each.kind is not each.VAR_KEYWORD for each in parameters.values()):
            break
    return frozenset(names)


def _of_diffusers(pipeline: object) -> bool:
    """Whether this is a pipeline of diffusers, which takes one generator per image."""
    return any(base.__module__.partition(".")[0] == "diffusers" for base in type(pipeline).__mro__)
