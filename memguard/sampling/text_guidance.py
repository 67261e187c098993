"""Text guidance, read off a pipeline's denoiser while it runs.

A prompt that makes a model repeat a training image moves the denoiser far from its prediction
without the prompt, and does so at the first step, where other prompts do little (Wen et al., ICLR
2024, "Detecting, Explaining, and Mitigating Memorization in Diffusion Models"). What is read is the
root mean square of the difference, for each image: their norm, but the same at every resolution.

A forward hook sees what classifier-free guidance computes anyway, and changes nothing of it. Both
predictions come in one batch, whose halves have the same input, or in two forwards with the same
input. A model that takes guidance as an input computes only one; there a second forward, at half
the guidance, shows what guidance changes.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from memguard.verdict import GuidanceReading, TextGuidance

log = logging.getLogger("memguard")

DENOISERS = ("unet", "transformer")
"""The attributes of pipelines that may hold the denoiser, the first that is there."""

SAMPLES = ("sample", "hidden_states")
"""The names of a denoiser's first argument."""

GUIDANCE = "guidance"
"""The argument of models that were trained to imitate guidance, such as FLUX.1-dev."""

LESS = 0.5
"""The factor on the guidance of the extra forward: models know it, as it is between no guidance
and what they are used with. Chosen by hand."""


class FirstStepDone(BaseException):
    """Ends a pipeline's call after its first step."""


def denoiser(pipeline: object) -> Any:
    """The torch module that predicts noise or velocity; None where there is none to be seen."""
    torch = sys.modules.get("torch")  # without it there is no module
    found = (getattr(pipeline, name, None) for name in DENOISERS)
    return next((one for one in found if torch and isinstance(one, torch.nn.Module)), None)


class Reading:
    """What is seen of one call.

    Args:
        module: the denoiser.
        extra_forward: run a model once more that takes guidance as an input.
        stop: end the call with :class:`FirstStepDone` once the first step is seen.
    """

    def __init__(self, module: Any, *, extra_forward: bool, stop: bool) -> None:
        self.module = module
        self._extra_forward = extra_forward
        self._stop = stop
        self._first: tuple[Any, Any] | None = None
        self._found: tuple[Any, Any, GuidanceReading] | None = None
        self._over = False

    @property
    def text_guidance(self) -> list[TextGuidance]:
        """One for each image of the call, in its order; empty where it could not be read."""
        if self._found is None:
            return []
        norms, timestep, read = self._found
        values = norms.tolist()
        if not all(map(math.isfinite, values)):
            return []
        return [TextGuidance(value, float(timestep), read) for value in values]

    def see(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        """Look at a forward of the denoiser; what fails here is logged, and changes nothing.

        Raises:
            FirstStepDone: the first step is seen, and the call is to stop there.
        """
        if self._over:
            return
        try:
            self._look(args, kwargs, output)
        except Exception:
            log.exception("memguard could not read the text guidance")
            self._over = True
        if self._over:
            self._first = None
            if self._stop:
                raise FirstStepDone

    def _look(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        import torch

        named = (kwargs[name] for name in SAMPLES if name in kwargs)
        sample = args[0] if args else next(named, None)
        prediction = output if isinstance(output, torch.Tensor) else output[0]
        if not isinstance(sample, torch.Tensor) or not isinstance(prediction, torch.Tensor):
            self._over = True
            return
        timestep = args[1] if len(args) > 1 else kwargs.get("timestep", 0)
        timestep = timestep.flatten()[0] if isinstance(timestep, torch.Tensor) else timestep
        prediction = _without_variance(prediction.detach(), sample)
        if self._first is not None:
            before, other = self._first
            self._over = True
            if before.shape == sample.shape and torch.equal(before, sample):
                self._found = _norms(other - prediction), timestep, "pair"
            return
        half = len(sample) // 2
        if 2 * half == len(sample) and torch.equal(sample[:half], sample[half:]):
            self._found = _norms(prediction[:half] - prediction[half:]), timestep, "pair"
            self._over = True
        elif self._extra_forward and isinstance(kwargs.get(GUIDANCE), torch.Tensor):
            self._over = True
            if not getattr(self.module, "is_cache_enabled", False):  # it would disturb the cache
                changed = {**kwargs, GUIDANCE: kwargs[GUIDANCE] * LESS}
                less = _prediction_again(self.module, args, changed)
                difference = prediction - _without_variance(less, sample)
                step = kwargs[GUIDANCE].float() * (1 - LESS)
                self._found = _norms(difference) / step, timestep, "guidance input"
        else:
            self._first = sample, prediction


@contextlib.contextmanager
def reading(
    pipeline: object, *, extra_forward: bool = False, stop: bool = False
) -> Iterator[Reading]:
    """Read the denoiser while the block runs, in this thread or task only.

    Calls of one pipeline in other threads are not seen, nor disturbed.

    Args:
        pipeline: has a ``unet`` or ``transformer``, else nothing is seen.
        extra_forward, stop: see :class:`Reading`. A stop ends the block, and goes no further.
    """
    module = denoiser(pipeline)
    seen = Reading(module, extra_forward=extra_forward, stop=stop)
    detach = _nothing if module is None else _attach(module, seen)
    token = _current.set((*_current.get(), seen))
    try:
        yield seen
    except FirstStepDone:
        if not stop:
            raise
    finally:
        _current.reset(token)
        detach()


_current: ContextVar[tuple[Reading, ...]] = ContextVar("memguard_text_guidance", default=())
"""The readings of this thread's or task's call: an audit's, and that of the guard inside it."""


def _attach(module: Any, seen: Reading) -> Callable[[], None]:
    """Show a reading every forward of its context; returns what takes the hook away again."""
    compiled = getattr(module, "_compiled_call_impl", None)
    if compiled is not None:  # by ``module.compile()``: a hook would become a part of the graph
        if not isinstance(compiled, _Shown):
            module._compiled_call_impl = _Shown(module, compiled)
        return _nothing

    def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if seen in _current.get():
            seen.see(args, kwargs, output)

    detach: Callable[[], None] = module.register_forward_hook(hook, with_kwargs=True).remove
    return detach


class _Shown:
    """The call of a module compiled in place, shown to the reading of its context."""

    def __init__(self, module: Any, compiled: Callable[..., Any]) -> None:
        self._module = module
        self._compiled = compiled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        output = self._compiled(*args, **kwargs)
        for seen in reversed(_current.get()):
            if seen.module is self._module:
                seen.see(args, kwargs, output)
        return output


def _nothing() -> None:
    """There is no hook to take away."""


def _prediction_again(module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The prediction of one more forward, which no reading sees."""
    import torch

    token = _current.set(())
    try:
        with torch.no_grad():
            output = module(*args, **kwargs)
    finally:
        _current.reset(token)
    return output if isinstance(output, torch.Tensor) else output[0]


def _without_variance(prediction: Any, sample: Any) -> Any:
    """The prediction alone, of a model that predicts the variance in further channels."""
    return prediction[:, : sample.shape[1]]


def _norms(difference: Any) -> Any:
    """Root mean square of each image's difference, float32 (n,), where the model runs."""
    return difference.float().flatten(1).square().mean(1).sqrt()
