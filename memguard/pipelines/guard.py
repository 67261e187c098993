"""``guard(pipe)``: the same pipeline, whose images are checked before anyone sees them.

(The module is not named ``guard`` so that ``memguard.guard`` is always the function.)
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import logging
import os
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, cast, get_args

from PIL import Image

from memguard.calibration.calibrate import calibrated_detector
from memguard.errors import (
    CheckFailedError,
    ConfigurationError,
    MemorizedImageError,
    UnsupportedOutputError,
)
from memguard.index import Health, Index
from memguard.index.open import open_index
from memguard.pipelines.call import Call
from memguard.pipelines.latents import latent_reader
from memguard.pipelines.outputs import Output, take_apart
from memguard.pipelines.policy import Action, Policy
from memguard.settings import configured_index
from memguard.verdict import Verdict

log = logging.getLogger("memguard")

Pipeline = TypeVar("Pipeline", bound=Callable[..., Any])

OnError = Literal["block", "raise", "pass"]
"""When the check itself fails: ``block`` withholds the images (fail closed), ``raise`` raises
:class:`memguard.CheckFailedError`, ``pass`` lets them through, labelled ``unchecked``. An output in
which no images are found raises :class:`memguard.UnsupportedOutputError`, but for ``pass``."""

Latents = Literal["refuse", "decode"]
"""``output_type="latent"``: refused, or decoded with the pipeline's own VAE to be checked."""

UNCHECKED = "the check could not run"
NOT_FINITE = "the image holds NaN or infinite levels"
"""What an ``unchecked`` verdict says."""


def guard(
    pipeline: Pipeline,
    index: Index | str | os.PathLike[str] | None = None,
    *,
    policy: Policy | Action = "block",
    on_error: OnError = "block",
    latents: Latents = "refuse",
    thorough: bool = False,
    clip_weights: str | None = None,
    sscd_weights: str | None = None,
) -> Pipeline:
    """The pipeline, guarded: the same calls, the same output classes, no copies.

    An object is given a twin of a subclass of its own class, which shares its state: attributes,
    ``.to()``, ``.scheduler = ...``, ``enable_*()``, ``save_pretrained`` and ``isinstance`` work as
    before, and changes show in both. A function, and an object whose state Python cannot share
    (``__slots__``, a built-in base), is given a wrapper that hands everything but calls on to it.
    Three things differ: ``type(pipe)`` is not the original's, another class's ``from_pipe(pipe)``
    makes a pipeline that is not guarded (guard it too), and only calls are guarded: not other
    methods that return images, nor what a callback sees during the steps.

    The verdicts of a call are its output's ``memorization`` (a list, one per image), where the
    output is an object that takes attributes, and always the pipeline's ``last_verdicts`` (per
    thread).

    Args:
        pipeline: a diffusion pipeline, or any callable that returns images.
        index: an index or its path; by default ``$MEMGUARD_INDEX``, else the project's
            ``[tool.memguard] index`` in ``pyproject.toml``.
        policy, on_error, latents, thorough, clip_weights, sscd_weights: see :class:`Guard`.

    Raises:
        ConfigurationError: no index is named anywhere, or this is no callable.
        IndexUnavailableError, WeightsError: see :class:`Guard`.
    """
    return Guard(
        configured_index() if index is None else index,
        policy=policy,
        on_error=on_error,
        latents=latents,
        thorough=thorough,
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
        thorough: also look for training images inside parts of each image (insets, crops).
        clip_weights, sscd_weights: where the index's weights are, if not where the builder
            had them. Nothing is ever downloaded.

    Raises:
        ConfigurationError: an unknown policy, ``on_error`` or ``latents``.
        IndexUnavailableError: the index is missing, unfinished or damaged.
        WeightsError: weights are absent, or other than the index's.
        CalibrationError: the index's calibration is damaged.
    """

    def __init__(
        self,
        index: Index | str | os.PathLike[str],
        *,
        policy: Policy | Action = "block",
        on_error: OnError = "block",
        latents: Latents = "refuse",
        thorough: bool = False,
        clip_weights: str | None = None,
        sscd_weights: str | None = None,
    ) -> None:
        self.policy = Policy.of(policy)
        self.on_error = _one_of(OnError, "on_error", on_error)
        self.latents = _one_of(Latents, "latents", latents)
        self._options: dict[str, Any] = {
            "thorough": thorough,
            "clip_weights": clip_weights,
            "sscd_weights": sscd_weights,
        }
        opened = index if isinstance(index, Index) else open_index(index)
        self._detector = calibrated_detector(opened, **self._options)
        self._local = threading.local()

    @property
    def index(self) -> Index:
        """The index that images are checked against now."""
        return self._detector.index

    def reload(self) -> Index:
        """Open the newest version of the index, and check everything against it from now on.

        Checks that are under way end on the version that they began with; none waits, and models
        are not loaded again. If the newest version cannot be opened, the guard keeps the old one.

        Returns:
            The index as it is now.

        Raises:
            IndexUnavailableError, WeightsError, CalibrationError: see :class:`Guard`.
        """
        detector = calibrated_detector(
            open_index(self.index.name), loaded=self._detector, **self._options
        )
        self._detector = detector
        return detector.index

    def health(self) -> Health:
        """Look up the index's canaries, which any search must find.

        Raises:
            IndexUnavailableError: a search does not find them: the guard would let copies through.
        """
        return self.index.health()

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
                raise CheckFailedError(f"{UNCHECKED}: {error}") from error
            log.exception("memguard could not check %d images", len(batch))
            return [_unchecked(f"{type(error).__name__}: {error}") for _ in batch]

    def wrap(self, pipeline: Pipeline) -> Pipeline:
        """The pipeline, guarded; see :func:`guard`."""
        if isinstance(pipeline, Guarded):
            raise ConfigurationError("this pipeline is guarded already; wrap the original")
        if not callable(pipeline):
            raise ConfigurationError(
                f"a guard wraps a pipeline or any callable, not a {type(pipeline).__name__}"
            )
        if _has_twin(pipeline):
            with contextlib.suppress(TypeError):  # a class that has no subclasses
                return cast(Pipeline, _twin(self, pipeline))
        return cast(Pipeline, GuardedFunction(self, pipeline))

    def run(self, pipeline: Any, call: Call) -> Any:
        """Run a pipeline's call, check what it returned, apply the policy."""
        self._local.verdicts = ()
        read = self._reader(pipeline, call)
        returned = call.run()
        try:
            output = read(returned)
        except UnsupportedOutputError as error:
            if self.on_error != "pass":
                raise
            log.exception("memguard could not read what %s returned", type(pipeline).__name__)
            self._local.verdicts = (_unchecked(str(error)),)
            return _labelled(returned, self.last_verdicts)
        verdicts = self._judge(output.pictures)
        pieces: dict[int, Any] = {}
        if self.policy.action == "regenerate":
            pieces, verdicts = self._regenerate(read, call, verdicts)
        self._local.verdicts = tuple(verdicts)
        if self.policy.action == "raise" and any(map(self.policy.acts_on, verdicts)):
            raise MemorizedImageError(verdicts)
        withheld = {
            i: output.blank(i) for i, verdict in enumerate(verdicts) if self._holds(verdict)
        }
        return _labelled(output.replaced({**pieces, **withheld}), verdicts)

    def _reader(self, pipeline: Any, call: Call) -> Callable[[Any], Output]:
        if call.arguments.get("output_type") != "latent":
            return take_apart
        if self.latents == "refuse":
            raise UnsupportedOutputError(
                'output_type="latent" hides the images from the check; ask for "pil", "np" or '
                '"pt", or let memguard decode the latents: guard(pipe, latents="decode")'
            )
        return latent_reader(pipeline, call)

    def _judge(self, pictures: Sequence[Image.Image | None]) -> list[Verdict]:
        """One verdict per image, also for those that could not be read."""
        readable = [picture for picture in pictures if picture is not None]
        if self.on_error == "raise" and len(readable) < len(pictures):
            raise CheckFailedError(f"{UNCHECKED}: {NOT_FINITE}")
        checked = iter(self.check(readable))
        return [
            _unchecked(NOT_FINITE) if picture is None else next(checked) for picture in pictures
        ]

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
                try:
                    again, position = call.again(i, len(verdicts), attempt)
                    fresh = read(again.run())
                    picture, piece = fresh.pictures[position], fresh.pieces[position]
                except Exception:
                    log.exception("memguard could not generate an image again")
                    continue
                (verdict,) = self._judge([picture])
                pieces[i] = piece
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
        if name.startswith("__"):  # copying and pickling ask for these: not of the original
            raise AttributeError(name)
        return getattr(self.__dict__["_function"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_function" in self.__dict__:
            setattr(self._function, name, value)
        else:
            super().__setattr__(name, value)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A guarded method stays one: bound to its instance, as the function would be."""
        if not isinstance(self._function, types.FunctionType) or instance is None:
            return self
        return GuardedFunction(self.guard, self._function.__get__(instance, owner))

    def __copy__(self) -> GuardedFunction:
        return GuardedFunction(self.guard, copy.copy(self._function))

    def __deepcopy__(self, memo: dict[int, Any]) -> GuardedFunction:
        return GuardedFunction(self.guard, copy.deepcopy(self._function, memo))


def _has_twin(pipeline: object) -> bool:
    """Whether all state of this object, which is no function or class, is in its ``__dict__``."""
    functions = (
        type,
        types.FunctionType,
        types.MethodType,
        types.BuiltinFunctionType,
        functools.partial,
    )
    slots = {name for base in type(pipeline).__mro__ for name in vars(base).get("__slots__", ())}
    return (
        not isinstance(pipeline, functions)
        and hasattr(pipeline, "__dict__")
        and slots <= {"__dict__", "__weakref__"}
    )


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


def _labelled(output: Any, verdicts: Sequence[Verdict]) -> Any:
    """The output, with its verdicts where it is an object that takes them."""
    if hasattr(output, "images"):
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            output.memorization = list(verdicts)
    return output


def _unchecked(reason: str) -> Verdict:
    return Verdict("unchecked", 0.0, why=f"{UNCHECKED}: {reason}")


Choice = TypeVar("Choice", bound=str)


def _one_of(choices: Any, name: str, value: Choice) -> Choice:
    if value not in get_args(choices):
        raise ConfigurationError(
            f"unknown {name}={value!r}; choose one of {', '.join(get_args(choices))}"
        )
    return value
