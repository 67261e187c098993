"""Every error that memguard raises on purpose; each message says what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memguard.verdict import Verdict


class MemguardError(Exception):
    """Base class of the errors below: catch this one to catch them all."""


class UnreadableImageError(MemguardError):
    """Bytes that Pillow cannot decode to a whole image."""


class BuildError(MemguardError):
    """A build that cannot start or cannot finish; what it has committed is kept."""


class IndexUnavailableError(MemguardError):
    """An index that is missing, unfinished, damaged or written by a newer memguard."""


class WeightsError(MemguardError):
    """Model weights that are absent, or are not the ones the index was built with."""


class ConfigurationError(MemguardError):
    """Arguments or settings that contradict each other, or name something that does not exist."""


class UnsupportedOutputError(MemguardError):
    """A pipeline output in which memguard finds no images that it can check."""


class MemorizedImageError(MemguardError):
    """Raised by the ``raise`` policy; ``verdicts`` holds one verdict per generated image.

    The message does not name the match, as that would leak training images to the end user; the
    verdicts are for the operator.
    """

    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        super().__init__(
            "the generated image was withheld because it is too close to a training image; "
            "the operator finds the details in this error's `verdicts`"
        )
        self.verdicts = tuple(verdicts)


class NoVerdictsError(MemguardError):
    """Verdicts that were asked for where no guarded call has made any: not the same as none
    found."""


class CalibrationError(MemguardError):
    """Too few negatives for the rate, or a damaged calibration."""


class AuditLogError(MemguardError):
    """An audit log that cannot be written or read, or is not what its head says."""


class CheckFailedError(MemguardError):
    """The check itself could not run, and ``on_error="raise"`` was chosen."""
