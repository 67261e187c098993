"""A guard for the ``safety_checker`` slot of Stable Diffusion pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memguard.errors import ConfigurationError
from memguard.pipelines.guard import Guard, IndexLike, Options
from memguard.settings import configured_index
from memguard.verdict import Verdict

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SafetyChecker:
    """What ``pipe.safety_checker`` may be, for code that leaves nothing else to change.

    ``guard(pipe)`` is the better way: it checks every pipeline and every output. This one is called
    by Stable Diffusion 1 and 2 and pipelines made like them, for all but latents. Others (SDXL,
    SD 3, Flux ...) have no such slot, and set the attribute without ever using it. The pipeline
    needs its ``feature_extractor``, which it calls before any safety checker.

    A withheld image is grey, and ``True`` in the output's ``nsfw_content_detected``.

    Args:
        index, options: those of :func:`memguard.guard`.

    Attributes:
        guard: what checks the images.

    Raises:
        ConfigurationError: the policy is ``regenerate``, which takes the whole pipeline.
    """

    def __init__(self, index: IndexLike | None = None, **options: Unpack[Options]) -> None:
        self.guard = Guard(configured_index() if index is None else index, **options)
        if self.guard.policy.action == "regenerate":
            raise ConfigurationError(
                "a safety checker cannot generate again; choose another policy, or guard(pipe, "
                'policy="regenerate")'
            )
        self._checked = self.guard.wrap(_as_given)

    @property
    def last_verdicts(self) -> tuple[Verdict, ...]:
        """See :attr:`memguard.Guard.last_verdicts`."""
        return self.guard.last_verdicts

    def __call__(
        self,
        images: Any,
        clip_input: object = None,  # noqa: ARG002 - the signature of the slot
    ) -> tuple[Any, list[bool]]:
        """Check a batch.

        Args:
            images: (n, 3, h, w), a tensor in [-1, 1]; or (n, h, w, 3), an array in [0, 1].
            clip_input: what the pipeline made for its own safety checker; not used.

        Returns:
            The images, those that are withheld in [0, 1] as the pipeline expects them; and which
            ones these are.

        Raises:
            MemorizedImageError, CheckFailedError, UnsupportedOutputError: as the guard's policy
                and ``on_error`` have it.
        """
        tensor = hasattr(images, "detach")
        given = list((images.detach().float() / 2 + 0.5).clamp(0, 1) if tensor else images)
        shown = self._checked(given)
        withheld = [after is not before for before, after in zip(given, shown, strict=True)]
        if not any(withheld):
            return images, withheld
        images = images.clone() if tensor else images.copy()
        for position, hidden in enumerate(withheld):
            if hidden:
                images[position] = shown[position]
        return images, withheld


def _as_given(images: list[Any]) -> list[Any]:
    return images
