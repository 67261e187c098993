"""One call of a pipeline, and the call that makes one of its images again.

A pipeline that takes the number of images (``num_images_per_prompt`` or ``batch_size`` in its
signature, as in ``diffusers``; or ``n=`` as many as it returned, as in APIs) is asked for just the
one image. Any other callable is called again whole, and the image at the same position is taken.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from memguard.pipelines.seeds import reseeded

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

COUNT_ARGUMENTS = ("num_images_per_prompt", "num_videos_per_prompt", "batch_size")
"""The arguments of diffusers' pipelines for the number of images."""

PER_PROMPT = ("prompt", "class_labels", "text_model_output", "text_attention_mask")
"""Words in the names of arguments that hold one value per prompt when they are a batch; the
images of one prompt come out next to each other."""

PER_IMAGE = ("image", "mask")
"""Words in the names of arguments whose batch is repeated until there is one input for each output
image."""

IMAGE_BATCH_AXES = 4
"""Axes of an array that is a batch of input images; with fewer it is one image."""


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
        counts = [name for name in COUNT_ARGUMENTS if name in parameters]
        if not counts:
            names = [name for name, parameter in parameters.items() if parameter.kind in POSITIONAL]
            args = reseeded(dict(zip(names, self.args)), position, attempt).values()
            kwargs = reseeded(self.kwargs, position, attempt)
            if kwargs.get("n") == of:
                kwargs, position = {**kwargs, "n": 1}, 0
            return Call(self.function, (*args, *self.args[len(names) :]), kwargs), position
        arguments = reseeded(self.arguments, position, attempt)
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
    """The number of prompts or input images in an argument; 1 where it holds neither."""
    per_image = any(word in name for word in PER_IMAGE) and not name.startswith("ip_adapter")
    if not (per_image or _per_prompt(name)):
        return 1
    if isinstance(value, (list, tuple)):
        return len(value)
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return int(shape[0]) if len(shape) == IMAGE_BATCH_AXES or (shape and not per_image) else 1
