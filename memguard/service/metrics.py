"""What Prometheus reads at ``/metrics``. Nothing in it names an image or a request."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memguard.calibration.result import Calibration
from memguard.index import Index
from memguard.verdict import Label, Verdict

RECENT_IMAGES = 1000
"""Images of which the live shares are taken."""
SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds of the histogram of answer times."""
FLAGGED: tuple[Label, ...] = ("similar", "memorized")


class ServiceMetrics:
    """Counters and gauges of one service.

    Args:
        waiting: how many images wait now.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._recent: deque[Label] = deque(maxlen=RECENT_IMAGES)
        self._images = Counter(
            "memguard_images", "Images checked.", ["label"], registry=self._registry
        )
        self._answers = Counter(
            "memguard_answers",
            "Answers, by HTTP status.",
            ["path", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "memguard_answer_seconds",
            "Time to an answer.",
            ["path"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._references = self._gauge("memguard_index_references", "Training images.")
        self._revision = self._gauge("memguard_index_revision", "Revision of the open index.")
        self._gauge("memguard_waiting_images", "Images that wait.").set_function(waiting)
        live = self._gauge(
            "memguard_live_share", f"Share of the last {RECENT_IMAGES} images.", "label"
        )
        for label in FLAGGED:
            live.labels(label).set_function(partial(self._share, label))
        self._calibrated = self._gauge(
            "memguard_calibrated_share", "Share of novel images, as calibrated.", "label"
        )

    def opened(self, index: Index) -> None:
        """Another version of the index is checked against from now on."""
        self._references.set(len(index))
        self._revision.set(index.revision or 0)
        self._calibrated.clear()
        calibration = Calibration.of(index)
        if calibration is not None:
            for label, point in calibration.operating_points().items():
                self._calibrated.labels(label).set(point.target)

    def checked(self, verdicts: Sequence[Verdict]) -> None:
        """Count the images of a request."""
        for verdict in verdicts:
            self._images.labels(verdict.label).inc()
            self._recent.append(verdict.label)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._answers.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """All of it, in Prometheus's text format."""
        return bytes(generate_latest(self._registry))

    def _share(self, label: Label) -> float:
        return self._recent.count(label) / len(self._recent) if self._recent else 0.0

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(name, words, labels, registry=self._registry)


class CountAnswers:
    """Middleware that counts answers and takes their time.

    Args:
        app: the application.
        metrics: what counts.
    """

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            route = scope.get("route")
            path = "other" if route is None else route.path
            self._metrics.answered(path, status, time.perf_counter() - began)
