"""Running a pipeline's call again for one image of it, with a fresh seed.

A pipeline that says how many images it makes (``num_images_per_prompt`` or ``batch_size`` in its
signature, as in ``diffusers``) is asked for just the one image. Any other callable is called again
whole, and the image at the same position is taken.
"""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SEED_BITS = 63

COUNTS = {"num_images_per_prompt", "batch_size"}
"""The arguments by which diffusers' pipelines say how many images they make."""

PER_PROMPT = ("prompt", "class_labels", "text_model_output", "text_attention_mask")
"""Words in the names of arguments that hold one value per prompt when they are a batch; the
images of one prompt come out next to each other."""

IMAGE_BATCH_AXES = 4
"""An array of input images is a batch if it has this many axes, and one image otherwise."""

CYCLED = ("image", "mask")
"""Words in the names of arguments whose batch is gone through again and again until there is one
for each output image."""


@dataclass(frozen=True)
class Call:
    """One call of a pipeline.

    Attributes:
        function: the pipeline itself, bound.
        args, kwargs: as the user gave them.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def run(self) -> Any:
        """What the pipeline returns."""
        return self.function(*self.args, **self.kwargs)

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """Every argument given, by name; of a callable without a signature, the keywords."""
        try:
            signature = inspect.signature(self.function)
            bound = signature.bind(*self.args, **self.kwargs)
        except (TypeError, ValueError):
            return dict(self.kwargs)
        named = dict(bound.arguments)
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                named.update(named.pop(parameter.name, {}))
        return named

    @cached_property
    def _counts_images(self) -> set[str]:
        try:
            return COUNTS & inspect.signature(self.function).parameters.keys()
        except (TypeError, ValueError):
            return set()

    def again(self, position: int, of: int, attempt: int) -> tuple[Call, int]:
        """The call that makes the image at ``position`` of ``of`` anew.

        Returns:
            The call, and the position of the new image in its output.
        """
        if not self._counts_images:
            return Call(
                self.function, self.args, _reseeded(self.kwargs, position, attempt)
            ), position
        arguments = _reseeded(self.arguments, position, attempt)
        arguments = {name: value for name, value in arguments.items() if "latents" not in name}
        arguments.update(dict.fromkeys(self._counts_images, 1))
        for name, value in arguments.items():
            length = _batch_size(name, value)
            if length > 1:
                start = position * length // of if _per_prompt(name) else position % length
                arguments[name] = value[start : start + 1]
        return Call(self.function, (), arguments), 0


def _per_prompt(name: str) -> bool:
    return any(word in name for word in PER_PROMPT)


def _batch_size(name: str, value: Any) -> int:
    """How many prompts or input images an argument holds; 1 where it is none of these."""
    cycled = any(word in name for word in CYCLED) and not name.startswith("ip_adapter")
    if not (cycled or _per_prompt(name)):
        return 1
    if isinstance(value, (list, tuple)):
        return len(value)
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return int(shape[0]) if len(shape) == IMAGE_BATCH_AXES or (shape and not cycled) else 1


def _reseeded(arguments: dict[str, Any], position: int, attempt: int) -> dict[str, Any]:
    changed = dict(arguments)
    generator = changed.get("generator")
    if generator is not None:
        changed["generator"] = _fresh(generator, position, attempt)
    if isinstance(changed.get("seed"), int):
        changed["seed"] = secrets.randbits(SEED_BITS)
    return changed


def _fresh(generator: Any, position: int, attempt: int) -> Any:
    """A generator seeded by the user's own seed, the image's position and the attempt."""
    if isinstance(generator, (list, tuple)):
        return [_fresh(generator[position], position, attempt)]
    import torch

    seed = hash((generator.initial_seed(), position, attempt)) % (1 << SEED_BITS)
    return torch.Generator(device=generator.device).manual_seed(seed)
