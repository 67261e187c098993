"""``guard(pipe)``: the same pipeline, whose images are checked before anyone sees them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    ParamSpec,
    TypeAlias,
    TypedDict,
    TypeVar,
    get_args,
    overload,
)

from memguard.calibration.drift import Drift
from memguard.errors import ConfigurationError, UnsupportedOutputError
from memguard.index import Health, Index
from memguard.index.open import open_index
from memguard.pipelines import deferred, overlap
from memguard.pipelines.allowance import Allowance, allowance_of
from memguard.pipelines.call import Call
from memguard.pipelines.checker import CallCheck, Checker, OnError
from memguard.pipelines.drift_watch import DriftWatch
from memguard.pipelines.field_names import fields_of_pipeline
from memguard.pipelines.guarded import CallGuard, Dynamic, Function, Guarded
from memguard.pipelines.inputs import Images, read_images
from memguard.pipelines.instead import Instead, Videos
from memguard.pipelines.journal import AuditLogLike, Journal
from memguard.pipelines.latents import latent_reader
from memguard.pipelines.latest import keep, latest
from memguard.pipelines.links import Fetcher, Urls, followed
from memguard.pipelines.outcome import OnVerdict, Request, hooks
from memguard.pipelines.outputs import find_images
from memguard.pipelines.pictures import Output
from memguard.pipelines.placeholder import Placeholder
from memguard.pipelines.policy import Action, Policy
from memguard.pipelines.prompt_signal import (
    PromptReader,
    PromptSignal,
    PromptThreshold,
    require_denoiser,
)
from memguard.pipelines.request_key import current_key
from memguard.pipelines.rollout import Rollout, Shadow
from memguard.pipelines.settlement import Check, Settlement, record_direct, refusing
from memguard.pipelines.suspects import Quarantine
from memguard.pipelines.trial import Trial, TrialLike
from memguard.pipelines.wrapper import guarded, require_pipeline
from memguard.settings import configured_index
from memguard.sources.fetch import Fetch
from memguard.stages import Laps
from memguard.verdict import Verdict

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logging.getLogger("memguard")

P = ParamSpec("P")
R = TypeVar("R")
Pipeline = TypeVar("Pipeline", bound=Callable[..., Any])
DynamicPipeline = TypeVar("DynamicPipeline", bound=Dynamic)
IndexLike: TypeAlias = Index | str | os.PathLike[str]

Latents = Literal["refuse", "decode"]
"""``output_type="latent"``: refused, or decoded with the pipeline's own VAE to be checked."""


PUBLIC_WEB = Fetch()
"""Fetches by the limits of :class:`memguard.Fetch`, from public addresses only."""


class Options(TypedDict, total=False):
    """The options of :func:`guard`."""

    policy: Policy | Action | Shadow
    enforce: float
    on_error: OnError
    latents: Latents
    thorough: bool
    weights: Mapping[str, str] | None
    timeout_s: float | None
    threads: int | None
    on_verdict: OnVerdict | Sequence[OnVerdict] | None
    audit_log: AuditLogLike
    trial: TrialLike
    placeholder: Placeholder
    videos: Videos
    urls: Urls
    fetch: Fetcher
    quarantine: Quarantine
    prompt_signal: PromptSignal


@overload
def guard(
    pipeline: DynamicPipeline, index: IndexLike | None = None, **options: Unpack[Options]
) -> DynamicPipeline: ...


@overload
def guard(
    pipeline: Function[P, R], index: IndexLike | None = None, **options: Unpack[Options]
) -> Guarded[P, R]: ...


@overload
def guard(
    pipeline: Pipeline, index: IndexLike | None = None, **options: Unpack[Options]
) -> Pipeline: ...


def guard(
    pipeline: Any,
    index: IndexLike | None = None,
    *,
    policy: Policy | Action | Shadow = "block",
    enforce: float = 1.0,
    on_error: OnError = "block",
    latents: Latents = "refuse",
    thorough: bool = False,
    weights: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    threads: int | None = None,
    on_verdict: OnVerdict | Sequence[OnVerdict] | None = None,
    audit_log: AuditLogLike = None,
    trial: TrialLike = None,
    placeholder: Placeholder = "grey",
    videos: Videos = "span",
    urls: Urls = "keep",
    fetch: Fetcher = PUBLIC_WEB,
    quarantine: Quarantine = "auto",
    prompt_signal: PromptSignal = False,
) -> Any:
    """The pipeline, guarded: the same calls, the same output classes, no copies.

    For an object this is an instance of a subclass of its own class that shares its state:
    attributes, ``.to()``, ``.scheduler = ...``, ``enable_*()``, ``save_pretrained`` and
    ``isinstance`` work as before, and changes show in both. For a function, and for an object
    whose state Python cannot share (``__slots__``, a built-in base), it is a proxy that passes on
    everything but calls. Three things differ: ``type(pipe)`` is not the original's, another class's
    ``from_pipe(pipe)`` makes a pipeline that is not guarded (guard it too), and only calls are
    guarded: not other methods that return images, nor what a callback sees during the steps.

    A guarded call takes one argument more, ``memguard_allow``: an image, or a list of them, that
    the call may give back, such as the picture that img2img starts from. References that one of
    these shows whole do not count in this call, nor do their exact duplicates; their matches are in
    the verdict (:attr:`Match.allowed`). The pipeline does not get the argument.

    The verdicts of a call are its output's ``memorization`` (a list, one per image), where the
    output is an object that takes attributes, and always the pipeline's ``last_verdicts``, in the
    thread or asyncio task of the call. ``pipe.guard.call(pipe, ...)`` gives both at once.

    Coroutine functions stay such, and generators too: each item that they yield is checked as an
    output of its own before it is passed on.

    Args:
        pipeline: a diffusion pipeline, or any callable that returns images.
        index: an index or its path; by default ``$MEMGUARD_INDEX``, else the project's
            ``[tool.memguard] index`` in ``pyproject.toml``.
        policy, enforce, on_error, latents, thorough, weights, timeout_s, threads, on_verdict,
        audit_log, trial, placeholder, videos, urls, fetch, quarantine, prompt_signal: see
        :class:`Guard`.

    Raises:
        ConfigurationError: no index is named anywhere, or the pipeline is a class, is not callable,
            or is guarded already.
        IndexUnavailableError, WeightsError, CalibrationError: see :class:`Guard`.
    """
    require_pipeline(pipeline)
    return Guard(
        configured_index() if index is None else index,
        policy=policy,
        enforce=enforce,
        on_error=on_error,
        latents=latents,
        thorough=thorough,
        weights=weights,
        timeout_s=timeout_s,
        threads=threads,
        on_verdict=on_verdict,
        audit_log=audit_log,
        trial=trial,
        placeholder=placeholder,
        videos=videos,
        urls=urls,
        fetch=fetch,
        quarantine=quarantine,
        prompt_signal=prompt_signal,
    ).wrap(pipeline)


class Guard(CallGuard):
    """An index to check images against, and a policy; wraps any number of pipelines.

    Args:
        index: an index, or its path.
        policy: an action's name or a :class:`memguard.Policy`; or ``"shadow"``, which changes no
            output, raises no error, and reports what ``"block"`` would have done.
        enforce: the share of request keys (:func:`memguard.request_key`) for which the policy is
            enforced, in [0, 1]; for the others it is as in the shadow.
        on_error: see :data:`OnError`.
        latents: see :data:`Latents`.
        thorough: also look for training images inside parts of each image (insets, crops).
        weights: by descriptor (``"clip"``, ``"sscd"``), where the index's weights are, if not
            where the builder found them. Nothing is ever downloaded.
        timeout_s: seconds that the check of one output may take, the pipeline's own time not
            counted; then ``on_error`` decides about the images that have no verdict yet. What is
            found later is dropped. None for no limit.
        threads: images of one output that are compared at once, in threads that all calls of this
            guard share; by default half the cores that this process may use.
        on_verdict: one function or several, called with the :class:`memguard.Outcome` of each image
            of a guarded call, after its policy and before the call returns, in the call's context.
            What it raises is logged, and changes nothing.
        audit_log: the path of an append-only log, a :class:`memguard.AuditLog`, or a function that
            is called with each entry. It has every check of every image before the image is shown;
            what cannot be recorded is treated as a check that failed, see ``on_error``.
        trial: a second calibration (:func:`memguard.calibration_at`), or the path of its file. The
            labels that it gives are in outcomes and logs, and decide nothing.
        placeholder: what is shown instead of an image that is withheld; see :data:`Placeholder`.
        videos: what is withheld of a video with a copy in it; see :data:`Videos`.
        urls: whether addresses of images are handed on; see :data:`Urls`.
        fetch: gets the image behind an address that a pipeline returns. A :class:`memguard.Fetch`
            sets limits; with another callable, limits are yours.
        quarantine: what to do about a reference that matches unlike images; see :data:`Quarantine`.
        prompt_signal: whether verdicts show the text guidance of their prompt
            (:attr:`Verdict.text_guidance`), which tells at the first step that a prompt is
            memorized; see :data:`PromptSignal`. It flags prompts where it was calibrated
            (``memguard calibrate INDEX --pipeline PIPE --prompts FILE``), and changes no label.

    Each image that is not ``clear`` is a line of the logger ``memguard`` at level INFO: label,
    action, request key, milliseconds; the record's attribute ``memguard`` has more.

    Raises:
        ConfigurationError: an unknown policy, ``on_error`` or ``latents``; less than 1 of
            ``threads``; ``on_verdict`` or ``audit_log`` is a coroutine function; ``weights`` for an
            unknown descriptor; or a package's signal or descriptor that does not fit.
        IndexUnavailableError: the index is missing, unfinished or damaged.
        WeightsError: weights are absent, or not those of the index.
        CalibrationError: the index's calibration is damaged, or one of its signals is not
            installed.
        AuditLogError: the audit log cannot be written, or was changed.
    """

    def __init__(
        self,
        index: IndexLike,
        *,
        policy: Policy | Action | Shadow = "block",
        enforce: float = 1.0,
        on_error: OnError = "block",
        latents: Latents = "refuse",
        thorough: bool = False,
        weights: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        threads: int | None = None,
        on_verdict: OnVerdict | Sequence[OnVerdict] | None = None,
        audit_log: AuditLogLike = None,
        trial: TrialLike = None,
        placeholder: Placeholder = "grey",
        videos: Videos = "span",
        urls: Urls = "keep",
        fetch: Fetcher = PUBLIC_WEB,
        quarantine: Quarantine = "auto",
        prompt_signal: PromptSignal = False,
    ) -> None:
        self.instead = Instead(placeholder, videos)
        self.urls = _one_of(Urls, "urls", urls)
        self.fetch = fetch
        hooks(on_verdict)  # what cannot be called is refused now, not at the first image
        self.on_verdict = on_verdict
        rollout = Rollout.of(policy, enforce, _one_of(OnError, "on_error", on_error))
        self.policy, self.enforce = rollout.policy, rollout.enforce
        self._drift_watch = DriftWatch()
        if prompt_signal not in (False, True, "extra forward"):
            raise ConfigurationError(
                f"prompt_signal is True, False or 'extra forward', not {prompt_signal!r}"
            )
        self.prompt_signal: PromptSignal = prompt_signal
        self._prompt_threshold = PromptThreshold()
        self.latents = _one_of(Latents, "latents", latents)
        opened = index if isinstance(index, Index) else _opened(index)
        self._checker = Checker(
            opened,
            on_error=on_error,
            timeout_s=timeout_s,
            threads=threads,
            quarantine=_one_of(Quarantine, "quarantine", quarantine),
            thorough=thorough,
            weights=weights,
        )
        self._journal = Journal.of(audit_log, Trial.of(trial, self._checker.detector))

    def __repr__(self) -> str:
        """``<Guard of training.memguard: block>``, and for how many requests, if not for all."""
        share = "" if self.enforce == 1 else f", enforced for {self.enforce:.1%} of requests"
        return f"<Guard of {self.index.name}: {self.policy.action}{share}>"

    @property
    def index(self) -> Index:
        """The index that images are checked against now."""
        return self._checker.index

    def remember(self, verdicts: tuple[Verdict, ...] | None) -> None:
        keep(self, verdicts)

    @property
    def on_error(self) -> OnError:
        """What is done when a check itself fails; may be set."""
        return self._checker.on_error

    @on_error.setter
    def on_error(self, on_error: OnError) -> None:
        self._checker.on_error = _one_of(OnError, "on_error", on_error)

    def reload(self) -> Index:
        """Open the newest version of the index, and check everything against it from now on.

        Checks that are under way end on the version on which they began; none waits, and models
        are not loaded again. If the newest version cannot be opened, the guard keeps the old one.

        Returns:
            The index as it is now.

        Raises:
            IndexUnavailableError, WeightsError, CalibrationError: see :class:`Guard`.
        """
        return self._checker.reload()

    def health(self) -> Health:
        """Look up the index's canaries, which any search must find, and name suspects.

        A suspect is a reference that decides far more images than calibrated; see ``quarantine``.

        Raises:
            IndexUnavailableError: a search does not find them: the guard would let copies through.
        """
        return self._checker.health()

    @property
    def last_verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of the latest guarded call in this thread or asyncio task.

        Empty where that call returned no images.

        Raises:
            NoVerdictsError: there was no call here, or it ended before its images were checked.
        """
        return latest(self)

    @property
    def drift(self) -> tuple[Drift, ...]:
        """How the images of this guard's calls in this process differ from what its calibration
        promised, as far as chance does not explain it; each is also a warning in the log, once."""
        return self._drift_watch.found

    def check(self, images: Images, *, allow: Images = ()) -> list[Verdict]:
        """One verdict per image, in order, as the guarded pipelines get them.

        Args:
            images: one or many: paths of image files, encoded bytes, Pillow images, arrays and
                tensors as pipelines return them, or a pipeline's output. One image gives a list of
                one verdict, a batch of n a list of n.
            allow: images whose references do not count, as in a guarded call's ``memguard_allow``.

        Returns:
            A list, also of one image. An image that cannot be read or checked is ``unchecked``.

        Raises:
            ConfigurationError: something that is no image, or a path without a file.
            CheckFailedError: an image could not be read or checked, and ``on_error`` is
                ``"raise"``.
        """
        ((_, verdicts),) = self._checked({current_key(): images}, Allowance(allow)).items()
        return verdicts

    def check_together(self, requests: Mapping[str, Images]) -> dict[str, list[Verdict]]:
        """Check the images of several requests in one batch, which costs less than one by one.

        Args:
            requests: by request key, its images; see :meth:`check`. Each request is recorded under
                its own key.

        Returns:
            By request key, one verdict per image.

        Raises:
            ConfigurationError, CheckFailedError: see :meth:`check`; for one request, no other has
                verdicts either.
        """
        return self._checked(requests, Allowance(()))

    def _checked(
        self, requests: Mapping[str, Images], allowance: Allowance
    ) -> dict[str, list[Verdict]]:
        read, laps = {key: read_images(images) for key, images in requests.items()}, Laps()
        check = CallCheck(self._checker, allowance)
        verdicts = iter(check([*chain(*read.values())]))
        seconds = laps.lap()
        rollout = Rollout(self.policy, self.enforce, self.on_error)
        return {
            key: record_direct(
                self._journal,
                rollout,
                check.detector,
                pictures,
                [*islice(verdicts, len(pictures))],
                Request(key, {"check": seconds}),
            )
            for key, pictures in read.items()
        }

    @overload
    def wrap(self, pipeline: DynamicPipeline) -> DynamicPipeline: ...

    @overload
    def wrap(self, pipeline: Function[P, R]) -> Guarded[P, R]: ...

    @overload
    def wrap(self, pipeline: Pipeline) -> Pipeline: ...

    def wrap(self, pipeline: Any) -> Any:
        """The pipeline, guarded; see :func:`guard`.

        Raises:
            ConfigurationError: the pipeline is guarded already, is a class, or is not callable; or
                it has no denoiser, and ``prompt_signal`` asks for one.
        """
        wrapped = guarded(self, pipeline)
        if self.prompt_signal:
            require_denoiser(pipeline)
        return wrapped

    def run(self, pipeline: Any, call: Call) -> Any:
        """Run a pipeline's call, check what it returns, apply the policy."""
        keep(self, None)
        call, allowance = allowance_of(call)
        check: Check = CallCheck(self._checker, allowance)
        if self.prompt_signal:
            reader = PromptReader(
                pipeline,
                extra_forward=self.prompt_signal == "extra forward",
                threshold=self._prompt_threshold.of(self._checker.detector),
            )
            call, check = reader.reads(call), reader.shows(check)
        key, laps = current_key(), Laps()
        rollout = Rollout(self.policy, self.enforce, self.on_error)
        try:
            item, event = (self._reader(pipeline, call, required=one) for one in (True, False))
        except UnsupportedOutputError as error:
            if rollout.enforces(key):
                raise
            item = event = refusing(error)

        def settle(returned: Any, call: Call, *, read: Callable[[Any], Output]) -> Any:
            keep(self, None)
            shown = Settlement(
                call,
                Request(key, {"generate": laps.lap()}),
                read,
                check,
                rollout,
                self.instead,
                self._drift_watch,
                self._journal,
                hooks(self.on_verdict),
                partial(keep, self),
            ).settle(returned)
            laps.lap()  # what a generator's consumer does is no time of the pipeline
            return shown

        now, event = (partial(settle, read=one) for one in (item, event))
        coming = overlap.started(call, lambda *one: (now(*one), list(self.last_verdicts)))
        return deferred.run(call, now, event) if coming is None else coming

    def _reader(self, pipeline: Any, call: Call, *, required: bool) -> Callable[[Any], Output]:
        """Finds the images in what the call returns, and fetches those behind addresses."""
        if call.arguments.get("output_type") == "latent":
            if self.latents == "decode":
                return latent_reader(pipeline, call)
            raise UnsupportedOutputError(
                'output_type="latent" hides the images from the check; ask for "pil", "np" or '
                '"pt", or let memguard decode the latents: guard(pipe, latents="decode")'
            )
        find = partial(find_images, fields=fields_of_pipeline(pipeline), required=required)
        return lambda returned: followed(find(returned), self.fetch, self.urls)


def _opened(index: object) -> Index:
    if isinstance(index, (str, os.PathLike)):
        return open_index(index)
    raise ConfigurationError(
        f'a guard takes an index or its path, such as "training.memguard", not a '
        f"{type(index).__name__}; to guard a pipeline, call guard(pipe, index=...)"
    )


Choice = TypeVar("Choice", bound=str)


def _one_of(choices: Any, name: str, value: Choice) -> Choice:
    if value not in get_args(choices):
        raise ConfigurationError(
            f"unknown {name}={value!r}; choose one of {', '.join(get_args(choices))}"
        )
    return value
