"""Images in, verdicts out, also where the check fails: what every guarded call goes through."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from PIL import Image

from memguard.calibration.load import guarding_detector
from memguard.detection.detector import Detector
from memguard.errors import CheckFailedError
from memguard.index import Index
from memguard.index.open import open_index
from memguard.index.store.forked import require_not_forked
from memguard.index.store.thumbnails import encode
from memguard.pipelines.allowance import NOTHING, Allowance
from memguard.pipelines.checks import UNCHECKED, unchecked, unreadable, verdicts_on
from memguard.pipelines.pictures import Shown
from memguard.verdict import Verdict
from memguard.vision.decode import to_rgb

log = logging.getLogger("memguard")

OnError = Literal["block", "raise", "pass"]
"""When the check itself fails: ``block`` withholds the images (fail closed), ``raise`` raises
:class:`memguard.CheckFailedError`, ``pass`` lets them through, labelled ``unchecked``. An output in
which no images are found raises :class:`memguard.UnsupportedOutputError`, except with ``pass``."""


class Checker:
    """An index that stays open, and the checks against it.

    Pickled, it names its index, which is opened again where it is unpickled, at the newest version.

    Args:
        index: the training set.
        on_error: see :data:`OnError`.
        thorough, weights: see :func:`memguard.calibration.load.guarding_detector`.

    Attributes:
        detector: what checks now; replaced as a whole by :meth:`reload`.

    Raises:
        IndexUnavailableError, WeightsError, CalibrationError, ConfigurationError: see
            :class:`memguard.Guard`.
    """

    def __init__(
        self,
        index: Index,
        *,
        on_error: OnError,
        thorough: bool = False,
        weights: Mapping[str, str] | None = None,
    ) -> None:
        self.on_error = on_error
        self._options: dict[str, Any] = {"thorough": thorough, "weights": weights}
        self.detector: Detector = guarding_detector(index, **self._options)

    @property
    def index(self) -> Index:
        """The index that images are checked against now."""
        return self.detector.index

    def reload(self) -> Index:
        """Open the newest version of the index; see :meth:`memguard.Guard.reload`."""
        detector = guarding_detector(
            open_index(self.index.name), loaded=self.detector, **self._options
        )
        self.detector = detector
        return detector.index

    def check(self, pictures: Sequence[Shown], allowance: Allowance = NOTHING) -> list[Verdict]:
        """One verdict per position of an output; ``unchecked`` where the check fails.

        Args:
            pictures: of the output.
            allowance: what the call allows.

        Raises:
            CheckFailedError: it fails, and ``on_error`` is ``"raise"``.
        """
        if self.on_error == "raise" and (reasons := unreadable(pictures)):
            raise CheckFailedError(f"{UNCHECKED}: {'; '.join(reasons)}")
        return verdicts_on(pictures, partial(self._detect, allowance=allowance))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "detector": self.index}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {
            **state,
            "detector": guarding_detector(state["detector"], **state["_options"]),
        }

    def __copy__(self) -> Checker:
        made = object.__new__(Checker)
        made.__dict__ = dict(self.__dict__)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Checker:
        return copy.copy(self)

    def _detect(self, images: Sequence[Image.Image], allowance: Allowance) -> list[Verdict]:
        try:
            require_not_forked()
            verdicts = allowance.detect(self.detector, images)
        except Exception as error:
            if self.on_error == "raise":
                raise CheckFailedError(f"{UNCHECKED}: {error}") from error
            log.exception("memguard could not check %d images", len(images))
            return [unchecked(f"{type(error).__name__}: {error}") for _ in images]
        return [_pictured(verdict, image) for verdict, image in zip(verdicts, images)]


def _pictured(verdict: Verdict, image: Image.Image) -> Verdict:
    """The verdict, with a thumbnail of a flagged image."""
    if verdict.label not in ("similar", "memorized"):
        return verdict
    return dataclasses.replace(verdict, thumbnail=encode(to_rgb(image)))
