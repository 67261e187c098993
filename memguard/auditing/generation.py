"""Making images with any pipeline, seeded, and telling those that a guard withheld."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from memguard.auditing.samples import Status
from memguard.errors import ConfigurationError, MemorizedImageError, UnsupportedOutputError
from memguard.pipelines.outputs import find_images
from memguard.pipelines.wrapper import Guarded
from memguard.verdict import Verdict
from memguard.vision.picture import Picture

COUNTS = ("num_images_per_prompt", "batch_size")
"""The arguments by which pipelines are told how many images to make."""

SEED_BITS = 31
"""Of a seed: every generator and remote API takes this many."""

PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Made:
    """One image that a call made, or that was withheld: then the picture may be missing."""

    picture: Image.Image | None
    status: Status


class Maker:
    """A pipeline, and how it wants to be called.

    Args:
        pipeline: a diffusion pipeline, guarded or not, or any callable that returns images.
        arguments: further arguments of every call, such as ``num_inference_steps``.

    Raises:
        ConfigurationError: this is no callable, or the arguments name what the audit itself sets.
    """

    def __init__(self, pipeline: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        if not callable(pipeline):
            raise ConfigurationError(f"an audit needs a pipeline, not a {type(pipeline).__name__}")
        ours = {"prompt", "generator", "seed", *COUNTS} & arguments.keys()
        if ours:
            raise ConfigurationError(f"the audit itself sets {', '.join(sorted(ours))}")
        self.pipeline = pipeline
        self.arguments = dict(arguments)
        self._accepted = _parameters(pipeline)
        self._count = next((name for name in COUNTS if name in self._accepted), None)
        self._one_each = "generator" in self._accepted and _of_diffusers(pipeline)

    @property
    def seeded(self) -> bool:
        """Whether the pipeline takes a generator or a seed, so that images can be made again."""
        return bool({"generator", "seed"} & self._accepted)

    @property
    def described(self) -> dict[str, Any]:
        """The further arguments as plain JSON values; of what is none, the type."""
        return {
            name: value if isinstance(value, PLAIN) else f"<{type(value).__qualname__}>"
            for name, value in sorted(self.arguments.items())
        }

    @property
    def name(self) -> str:
        """The pipeline's class or function, and its guard's policy."""
        named = self.pipeline if hasattr(self.pipeline, "__qualname__") else type(self.pipeline)
        name = f"{named.__module__}.{named.__qualname__}"
        if isinstance(self.pipeline, Guarded):
            policy = self.pipeline.guard.policy
            name += f", guarded ({policy.action} at {policy.at})"
        return name

    def make(self, prompt: str | None, seeds: Sequence[int]) -> list[Made]:
        """Images of a prompt: one for each seed, or, from a pipeline that is not told how many
        images to make, those of one call with the first seed.

        Raises:
            UnsupportedOutputError: the pipeline returned no images.
        """
        wanted = seeds if self._count else seeds[:1]
        keywords = {**self.arguments, **self._seeding(wanted)}
        if self._count:
            keywords[self._count] = len(wanted)
        positional: tuple[str, ...] = ()
        if prompt is not None and "prompt" in self._accepted:
            keywords["prompt"] = prompt
        elif prompt is not None:
            positional = (prompt,)
        try:
            output = find_images(self.pipeline(*positional, **keywords))
        except MemorizedImageError as error:
            return [Made(None, "withheld") for _ in error.verdicts][: len(seeds)]
        if not output.pictures:
            raise UnsupportedOutputError(f"{self.name} returned no images")
        verdicts = self._verdicts(len(output.pictures))
        made = [
            Made(picture, _status(picture, verdict))
            for picture, verdict in zip(output.pictures, verdicts)
        ]
        return made[: len(seeds)]

    def recorded(self, seeds: Sequence[int]) -> list[int | None]:
        """The seed to keep for each image that these seeds gave: its own where the pipeline takes
        one for each, else that of the call, else None."""
        if not self.seeded:
            return [None] * len(seeds)
        return list(seeds) if self._one_each else [seeds[0]] * len(seeds)

    def _seeding(self, seeds: Sequence[int]) -> dict[str, Any]:
        if "generator" not in self._accepted:
            return {"seed": seeds[0]} if "seed" in self._accepted else {}
        import torch

        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        one_each = self._one_each and len(seeds) > 1
        return {"generator": generators if one_each else generators[0]}

    def _verdicts(self, count: int) -> Sequence[Verdict | None]:
        if isinstance(self.pipeline, Guarded):
            return self.pipeline.last_verdicts
        return [None] * count


def seed_of(seed: int, request: int, image: int) -> int:
    """The seed of one image of an audit: 31 bits that follow from the audit's seed, the number of
    the request and that of the image in it."""
    digest = hashlib.sha256(f"{seed}/{request}/{image}".encode()).digest()
    return int.from_bytes(digest, "big") >> (8 * len(digest) - SEED_BITS)


def _status(picture: Image.Image | None, verdict: Verdict | None) -> Status:
    if picture is None:
        return "unreadable"
    if not Picture(picture).is_blank:
        return "made"
    held = verdict is not None and verdict.label in ("memorized", "similar", "unchecked")
    return "withheld" if held else "blank"


def _parameters(pipeline: Callable[..., Any]) -> frozenset[str]:
    """The names of the arguments; where a class hands others on to its base's ``__call__``, of
    those too."""
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
    """Whether this is a pipeline of diffusers, which take one generator for each image."""
    return any(base.__module__.partition(".")[0] == "diffusers" for base in type(pipeline).__mro__)
