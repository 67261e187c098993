"""``guard(pipe)``: the same pipeline, whose images are checked before anyone sees them.

(The module is not named ``guard`` so that ``memguard.guard`` is always the function.)
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, cast

from PIL import Image

from memguard.descriptors import load_descriptors
from memguard.detector import Detector
from memguard.errors import (
    CheckFailedError,
    ConfigurationError,
    MemorizedImageError,
    UnsupportedOutputError,
)
from memguard.index import Index
from memguard.latents import take_apart_latents
from memguard.outputs import Output, take_apart
from memguard.policy import Action, Policy
from memguard.regeneration import Call
from memguard.settings import configured_index
from memguard.verdict import Verdict

log = logging.getLogger("memguard")

Pipeline = TypeVar("Pipeline", bound=Callable[..., Any])

OnError = Literal["block", "raise", "pass"]
"""When the check itself fails: ``block`` withholds the images (fail closed), ``raise`` raises
:class:`memguard.CheckFailedError`, ``pass`` lets them through, labelled ``unchecked``."""

Latents = Literal["refuse", "decode"]
"""``output_type="latent"``: refused, or decoded with the pipeline's own VAE to be checked."""


def guard(
    pipeline: Pipeline,
    index: Index | str | os.PathLike[str] | None = None,
    *,
    policy: Policy | Action = "block",
    on_error: OnError = "block",
    latents: Latents = "refuse",
    clip_weights: str | None = None,
    sscd_weights: str | None = None,
) -> Pipeline:
    """The pipeline, guarded: the same calls, the same output classes, no copies.

    An object is given a twin of a subclass of its own class, which shares its state: attributes,
    ``.to()``, ``.scheduler = ...``, ``enable_*()``, ``save_pretrained`` and ``isinstance`` work as
    before, and changes show in both. A function is given a wrapper. Two things differ:
    ``type(pipe)`` is the subclass, and another class's ``from_pipe(pipe)`` makes a pipeline that
    is not guarded: guard it too.

    The verdicts of a call are its output's ``memorization`` (a list, one per image), where the
    output is an object, and always the pipeline's ``last_verdicts`` (per thread).

    Args:
        pipeline: a diffusion pipeline, or any callable that returns images.
        index: an index or its path; by default ``$MEMGUARD_INDEX``, else the project's
            ``[tool.memguard] index`` in ``pyproject.toml``.
        policy, on_error, latents, clip_weights, sscd_weights: see :class:`Guard`.

    Raises:
        ConfigurationError: no index is named anywhere, or this is no callable.
        IndexUnavailableError, WeightsError: see :class:`Guard`.
    """
    return Guard(
        configured_index() if index is None else index,
        policy=policy,
        on_error=on_error,
        latents=latents,
        clip_weights=clip_weights,
        sscd_weights=sscd_weights,
    ).wrap(pipeline)


class Guard:
    """The check and what to do about it; one guard may wrap any number of pipelines.

    Args:
        index: an index, or its path.
        policy: an action's name or a :class:`memguard.Policy`.
        on_error: see :data:`OnError`.
        latents: see :data:`Latents`.
        clip_weights, sscd_weights: where the index's weights are, if not where the builder
            had them. Nothing is ever downloaded.

    Raises:
        IndexUnavailableError: the index is missing, unfinished or damaged.
        WeightsError: weights are absent, or other than the index's.
    """

    def __init__(
        self,
        index: Index | str | os.PathLike[str],
        *,
        policy: Policy | Action = "block",
        on_error: OnError = "block",
        latents: Latents = "refuse",
        clip_weights: str | None = None,
        sscd_weights: str | None = None,
    ) -> None:
        self.index = index if isinstance(index, Index) else Index.open(index)
        self.policy = Policy.of(policy)
        self.on_error = on_error
        self.latents = latents
        descriptors = load_descriptors(
            self.index.specs, clip_weights=clip_weights, sscd_weights=sscd_weights
        )
        self._detector = Detector(self.index, descriptors)
        self._local = threading.local()

    @property
    def last_verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of this thread's latest guarded call."""
        return getattr(self._local, "verdicts", ())

    def check(self, images: Image.Image | Sequence[Image.Image]) -> list[Verdict]:
        """One verdict per image, as the guarded pipelines get them.

        Raises:
            CheckFailedError: the check could not run and ``on_error`` is ``"raise"``.
        """
        batch = [images] if isinstance(images, Image.Image) else list(images)
        try:
            return self._detector.detect(batch)
        except Exception as error:
            if self.on_error == "raise":
                raise CheckFailedError(f"the check could not run: {error}") from error
            log.exception("memguard could not check %d images", len(batch))
            why = f"the check could not run: {type(error).__name__}: {error}"
            return [Verdict("unchecked", float("inf"), why=why) for _ in batch]

    def wrap(self, pipeline: Pipeline) -> Pipeline:
        """The pipeline, guarded; see :func:`guard`."""
        if isinstance(pipeline, Guarded):
            raise ConfigurationError("this pipeline is guarded already; wrap the original")
        if not callable(pipeline):
            raise ConfigurationError(
                f"a guard wraps a pipeline or any callable, not a {type(pipeline).__name__}"
            )
        if (
            isinstance(pipeline, type)
            or not hasattr(pipeline, "__dict__")
            or _is_function(pipeline)
        ):
            return cast(Pipeline, GuardedFunction(self, pipeline))
        return cast(Pipeline, _twin(self, pipeline))

    def run(self, pipeline: Any, call: Call) -> Any:
        """Run a pipeline's call, check what it returned, apply the policy."""
        read = self._reader(pipeline, call)
        output = read(call.run())
        verdicts = self.check(output.pictures)
        pieces: dict[int, Any] = {}
        if self.policy.action == "regenerate":
            pieces, verdicts = self._regenerate(read, call, verdicts)
        self._local.verdicts = tuple(verdicts)
        if self.policy.action == "raise" and any(map(self.policy.acts_on, verdicts)):
            raise MemorizedImageError(verdicts)
        withheld = {
            i: output.blank(i) for i, verdict in enumerate(verdicts) if self._holds(verdict)
        }
        return _with_verdicts(output.replaced({**pieces, **withheld}), verdicts)

    def _reader(self, pipeline: Any, call: Call) -> Callable[[Any], Output]:
        if call.arguments.get("output_type") != "latent":
            return take_apart
        if self.latents == "refuse":
            raise UnsupportedOutputError(
                'output_type="latent" hides the images from the check; ask for "pil", "np" or '
                '"pt", or let memguard decode the latents: guard(pipe, latents="decode")'
            )
        return functools.partial(take_apart_latents, pipeline, call)

    def _regenerate(
        self, read: Callable[[Any], Output], call: Call, verdicts: Sequence[Verdict]
    ) -> tuple[dict[int, Any], list[Verdict]]:
        """New pieces for the images that the policy acts on, and everybody's verdicts."""
        pieces: dict[int, Any] = {}
        settled = list(verdicts)
        for i, verdict in enumerate(verdicts):
            attempt = 0
            while self.policy.acts_on(verdict) and attempt < self.policy.attempts:
                attempt += 1
                again, position = call.again(i, len(verdicts), attempt)
                fresh = read(again.run())
                (verdict,) = self.check(fresh.pictures[position])
                pieces[i] = fresh.pieces[position]
            settled[i] = dataclasses.replace(verdict, attempt=attempt)
        return pieces, settled

    def _holds(self, verdict: Verdict) -> bool:
        """Whether the image of this verdict must not be shown."""
        if verdict.label == "unchecked":
            return self.on_error != "pass"
        return self.policy.action != "flag" and self.policy.acts_on(verdict)


class Guarded:
    """What every guarded pipeline is an instance of, beside its own class."""

    guard: Guard

    @property
    def last_verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of this thread's latest call, one per image."""
        return self.guard.last_verdicts


class GuardedFunction(Guarded):
    """A guarded function, bound method or class: calls are checked, the rest is delegated."""

    def __init__(self, guard: Guard, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function, updated=())
        self.guard = guard
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.guard.run(self._function, Call(self._function, args, kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_function"], name)


def _is_function(pipeline: object) -> bool:
    kinds = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)
    return isinstance(pipeline, kinds)


def _twin(guard: Guard, pipeline: Any) -> Any:
    """An object with the pipeline's state, of a subclass whose calls are guarded.

    The subclass keeps the name and module of the original: diffusers writes them into
    ``model_index.json`` and looks pipelines up by them.
    """
    original: Any = type(pipeline)

    @functools.wraps(original.__call__)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return guard.run(self, Call(types.MethodType(original.__call__, self), args, kwargs))

    members = {"__call__": call, "guard": guard, "__module__": original.__module__}
    subclass = type(original)(original.__name__, (Guarded, original), members)
    twin = object.__new__(subclass)
    twin.__dict__ = pipeline.__dict__
    return twin


def _with_verdicts(output: Any, verdicts: list[Verdict]) -> Any:
    if hasattr(output, "images"):
        output.memorization = verdicts
    return output
