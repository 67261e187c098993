"""Running a pipeline's call again for one image of it, with a fresh seed.

A pipeline that says how many images it makes (``num_images_per_prompt`` or ``batch_size`` in its
signature, as in ``diffusers``) is asked for just the one image. Any other callable is called again
whole, and the image at the same position is taken.
"""

from __future__ import annotations

import hashlib
import inspect
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

SEED_BITS = 31
"""Of a fresh seed: every generator and remote API takes this many."""

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

SEEDS = {"generator", "seed"}
"""The arguments that make a call repeatable; generators of other libraries than torch are passed
on as they are: they have moved on by themselves."""

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
        if self._signature is None:
            return dict(self.kwargs)
        try:
            named = dict(self._signature.bind(*self.args, **self.kwargs).arguments)
        except TypeError:
            return dict(self.kwargs)
        for parameter in self._signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                named.update(named.pop(parameter.name, {}))
        return named

    @cached_property
    def _signature(self) -> inspect.Signature | None:
        try:
            return inspect.signature(self.function)
        except (TypeError, ValueError):
            return None

    def again(self, position: int, of: int, attempt: int) -> tuple[Call, int]:
        """The call that makes the image at ``position`` of ``of`` anew.

        Fresh seeds follow from the given generator's state (or the given seed), the position and
        the attempt, so that the same call ends the same way every time.

        Returns:
            The call, and the position of the new image in its output.
        """
        parameters = self._signature.parameters if self._signature else {}
        counts = COUNTS & parameters.keys()
        if not counts:
            names = [name for name, parameter in parameters.items() if parameter.kind in POSITIONAL]
            args = _reseeded(dict(zip(names, self.args)), position, attempt).values()
            kwargs = _reseeded(self.kwargs, position, attempt)
            return Call(self.function, (*args, *self.args[len(names) :]), kwargs), position
        arguments = _reseeded(self.arguments, position, attempt)
        arguments = {name: value for name, value in arguments.items() if "latents" not in name}
        arguments.update(dict.fromkeys(counts, 1))
        for name, value in arguments.items():
            length = _batch_size(name, value)
            if length > 1:
                start = position * length // of if _per_prompt(name) else position % length
                arguments[name] = value[start : start + 1]
            elif name == "generator" and isinstance(value, (list, tuple)):
                arguments[name] = [value[position]]
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
    return {
        name: _fresh(value, position, attempt) if name in SEEDS else value
        for name, value in arguments.items()
    }


def _fresh(source: Any, position: int, attempt: int) -> Any:
    """The same kind of generator or seed, or a list of them, with another seed."""
    if isinstance(source, (list, tuple)):
        return [_fresh(each, position, attempt) for each in source]
    if isinstance(source, numbers.Integral):
        return _derived(str(source).encode(), position, attempt)
    import torch

    if not isinstance(source, torch.Generator):
        return source
    seed = _derived(source.get_state().numpy().tobytes(), position, attempt)
    return torch.Generator(device=source.device).manual_seed(seed)


def _derived(source: bytes, position: int, attempt: int) -> int:
    digest = hashlib.sha256(source + f"/{position}/{attempt}".encode()).digest()
    return int.from_bytes(digest, "big") >> (8 * len(digest) - SEED_BITS)
