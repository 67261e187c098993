"""Images in, verdicts out, also where the check fails: what every guarded call goes through."""

from __future__ import annotations

import copy
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from PIL import Image

from memguard.calibration.load import guarding_detector
from memguard.detection.detector import Detector
from memguard.detection.nearness import may_be_near
from memguard.errors import CheckFailedError, IndexUnavailableError, MemguardError
from memguard.index import Health, Index
from memguard.index.open import open_index
from memguard.index.store.forked import require_not_forked
from memguard.index.store.thumbnails import encode
from memguard.pipelines.allowance import NOTHING, Allowance
from memguard.pipelines.batches import Answer, answer_all
from memguard.pipelines.checks import UNCHECKED, unchecked, unreadable, verdicts_on
from memguard.pipelines.pictures import Shown
from memguard.pipelines.suspects import Quarantine, Suspects
from memguard.pipelines.time_limit import TimeLimit
from memguard.pipelines.watch import Watch
from memguard.verdict import Verdict
from memguard.vision.decode import to_rgb

log = logging.getLogger("memguard")

NO_ANSWER = RuntimeError("it ended without an answer")

REOPEN_SECONDS = 10.0
"""Least time between two attempts to open an index again that fails. Chosen by hand."""

OnError = Literal["block", "raise", "pass"]
"""When the check itself fails: ``block`` withholds the images (fail closed), ``raise`` raises
:class:`memguard.CheckFailedError`, ``pass`` lets them through, labelled ``unchecked``. An output in
which no images are found raises :class:`memguard.UnsupportedOutputError`, except with ``pass``."""


class CallCheck:
    """The check of one call's images.

    Args:
        checker: what checks.
        allowance: what the call allows.

    Attributes:
        detector: what gave the latest verdicts.
    """

    def __init__(self, checker: Checker, allowance: Allowance = NOTHING) -> None:
        self._checker = checker
        self.allowance = allowance
        self.detector = checker.detector

    def __call__(self, pictures: Sequence[Shown]) -> list[Verdict]:
        """One verdict per picture; see :meth:`Checker.check`."""
        return self._checker.check(pictures, self)


class Checker:
    """An index that stays open, and the checks against it.

    Pickled, it names its index, which is opened again where it is unpickled, at the newest version.

    Args:
        index: the training set.
        on_error: see :data:`OnError`.
        timeout_s: seconds that the check of one call's images may take; None for no limit.
        threads: images of a call that are compared at once; None for half the cores.
        quarantine: see :data:`memguard.pipelines.suspects.Quarantine`.
        suspended: ids of references that are suspended already.
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
        timeout_s: float | None = None,
        threads: int | None = None,
        quarantine: Quarantine = "auto",
        suspended: frozenset[str] = frozenset(),
        thorough: bool = False,
        weights: Mapping[str, str] | None = None,
    ) -> None:
        self.on_error = on_error
        self._time_limit = TimeLimit(timeout_s)
        self._watch = Watch()
        self._lock = threading.Lock()
        self._reloading = threading.Lock()
        self._next_attempt = 0.0
        self._options: dict[str, Any] = {
            "thorough": thorough,
            "weights": weights,
            "threads": threads,
        }
        self._suspects = Suspects(quarantine, suspended)
        self._suspects.decided(index.exemptions())
        detector = guarding_detector(index, **self._options)
        self.detector: Detector = self._suspects.applied(detector)

    @property
    def index(self) -> Index:
        """The index that images are checked against now."""
        return self.detector.index

    def reload(self) -> Index:
        """Open the newest version of the index; see :meth:`memguard.Guard.reload`."""
        with self._reloading:  # or the last to end, not the last to begin, would stay
            detector = guarding_detector(
                open_index(self.index.name), loaded=self.detector, **self._options
            )
            self._suspects.decided(detector.index.exemptions())
            with self._suspects.lock:
                self.detector = self._suspects.applied(detector)
            self._watch.restart()
            return detector.index

    def health(self) -> Health:
        """That of the index, and what this guard suspects; see :meth:`memguard.Guard.health`."""
        health, index = self.index.health(), self.index.exemptions().in_force
        exempt = {one: why for one, why in self.detector.exempt.items() if why != "suspended"}
        return dataclasses.replace(
            health,
            outdated=health.outdated or exempt != index,
            suspended=tuple(sorted(self._suspects.suspended)),
            suspects=tuple(sorted(self._suspects.asked)),
        )

    def check(self, pictures: Sequence[Shown], call: CallCheck) -> list[Verdict]:
        """One verdict per position of an output; ``unchecked`` where the check fails.

        Args:
            pictures: of the output.
            call: for which they are checked; gets the detector.

        Raises:
            CheckFailedError: it fails, and ``on_error`` is ``"raise"``.
        """
        try:
            require_not_forked()  # before any lock: one that was held at the fork stays so here
        except IndexUnavailableError as error:
            log.error("memguard could not check %d images: %s", len(pictures), error)
            if self.on_error == "raise":
                raise CheckFailedError(f"{UNCHECKED}: {error}") from error
            return [unchecked(f"{type(error).__name__}: {error}")] * len(pictures)
        if self.on_error == "raise" and (reasons := unreadable(pictures)):
            raise CheckFailedError(f"{UNCHECKED}: {'; '.join(reasons)}")
        end = self._time_limit.end()
        return verdicts_on(
            pictures,
            partial(self._detect, call=call, end=end),
            partial(self._near, end=end),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        options = {
            "on_error": self.on_error,
            "timeout_s": self._time_limit.seconds,
            "quarantine": self._suspects.action,
            "suspended": self._suspects.suspended,
        }
        return _checker, (self.index, {**options, **self._options})

    def __copy__(self) -> Checker:
        same = object.__new__(type(self))
        own = {"_watch": Watch(), "_lock": threading.Lock(), "_reloading": threading.Lock()}
        same.__dict__ = self.__dict__ | own
        return same

    def __deepcopy__(self, memo: dict[int, Any]) -> Checker:
        return copy.copy(self)

    def _near(self, images: Sequence[Image.Image], end: float | None) -> Sequence[bool]:
        found: list[Sequence[bool]] = []
        self._time_limit.run(lambda _: found.append(may_be_near(self.detector, images)), end)
        return found[0]

    def _detect(
        self, images: Sequence[Image.Image], call: CallCheck, end: float | None
    ) -> list[Verdict]:
        found: list[Answer] = [NO_ANSWER] * len(images)
        try:
            self._time_limit.run(lambda going: self._answer(images, call, found, going), end)
        except TimeoutError as error:
            log.error("memguard could not check %d images: %s", len(images), error)
            found = [error if one is NO_ANSWER else one for one in found]
        failed = next((one for one in found if isinstance(one, Exception)), None)
        if failed is not None and self.on_error == "raise":
            raise CheckFailedError(f"{UNCHECKED}: {failed}") from failed
        self._suspect(images, found)
        return [
            unchecked(f"{type(one).__name__}: {one}")
            if isinstance(one, Exception)
            else _pictured(one, image)
            for one, image in zip(found, images)
        ]

    def _answer(
        self,
        images: Sequence[Image.Image],
        call: CallCheck,
        found: list[Answer],
        going: Callable[[], bool],
    ) -> None:
        """Check every image, once more where the index had to be opened again."""
        wanted: Sequence[int] = range(len(images))
        for _ in range(2):
            detector = call.detector = self.detector
            try:
                self._watch.look(detector.index)
            except Exception as error:
                log.exception("memguard could not check %d images", len(images))
                for position in wanted:
                    found[position] = error.with_traceback(None)
            else:
                answer_all(partial(call.allowance.detect, detector), images, found, wanted, going)
            wanted = [i for i, one in enumerate(found) if isinstance(one, IndexUnavailableError)]
            if not wanted or not self._opened_again(detector):
                break

    def _opened_again(self, failed: Detector) -> bool:
        """Whether there is another detector than the one that failed; opens the index now and
        then."""
        with self._lock:
            if self.detector is failed and time.monotonic() >= self._next_attempt:
                self._next_attempt = time.monotonic() + REOPEN_SECONDS
                try:
                    self.reload()
                except MemguardError as error:
                    log.error("%s could not be opened again: %s", failed.index.name, error)
                else:
                    log.warning("%s failed, and was opened again", failed.index.name)
            return self.detector is not failed

    def _suspect(self, images: Sequence[Image.Image], found: Sequence[Answer]) -> None:
        """Look for references that match everything; what fails here changes no verdict."""
        seen = [(image, one) for image, one in zip(images, found) if isinstance(one, Verdict)]
        try:
            self._suspects.watch(self.detector, seen)
            with self._suspects.lock:  # a reload meanwhile is not undone
                self.detector = self._suspects.applied(self.detector)
        except Exception:
            log.exception("memguard could not look for references that match everything")


def _checker(index: Index, options: dict[str, Any]) -> Checker:
    return Checker(index, **options)


def _pictured(verdict: Verdict, image: Image.Image) -> Verdict:
    """The verdict, with a thumbnail of a flagged image."""
    if verdict.label not in ("similar", "memorized"):
        return verdict
    return dataclasses.replace(verdict, thumbnail=encode(to_rgb(image)))
