"""The ASGI application: its routes, who may use them, and what they answer.

A blocked image is an answer: 200 with its verdict. A check that failed is 503, and never "clear".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Collection
from typing import Any

from fastapi import Body, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from memguard._version import __version__
from memguard.calibration.result import Calibration
from memguard.errors import MemguardError
from memguard.index import Index
from memguard.pipelines.guard import Guard
from memguard.service.access import Access
from memguard.service.batches import Batches, BusyError
from memguard.service.images import FORM_FIELD, read_images
from memguard.service.keys import Keys
from memguard.service.limits import BodyLimit, Limits
from memguard.service.metrics import CountAnswers, ServiceMetrics
from memguard.service.schema import (
    CheckedImage,
    CheckRequest,
    CheckResponse,
    IndexModel,
    Problem,
    Ready,
    VerdictModel,
)
from memguard.service.upstream import Upstream, UpstreamError
from memguard.sources.fetch import Fetch
from memguard.verdict import Verdict

log = logging.getLogger("memguard")

LOOK_SECONDS = 10.0
"""How often a service looks whether its index has changed, and opens it again."""
KEY_BYTES = 8
"""Of the key of a request, which names it in the audit log."""
PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No key, or an unknown one."},
    403: {"model": Problem, "description": "The key's role, or an address that is not allowed."},
    408: {"model": Problem, "description": "The body came too slowly."},
    413: {"model": Problem, "description": "Too many bytes, images or pixels."},
    415: {"model": Problem, "description": "Another kind of body."},
    429: {
        "model": Problem,
        "description": "Too many requests; Retry-After says when to ask again.",
    },
    503: {"model": Problem, "description": "The check failed: the image is not known to be clear."},
}
EXAMPLE = {"images": [{"name": "a.png", "base64": "iVBORw0KGgo..."}]}
GENERATION = Body(examples=[{"prompt": "a cat on a desk", "n": 1}])
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FORM_FIELD],
                    "properties": {
                        FORM_FIELD: {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            },
            "application/json": {
                "schema": CheckRequest.model_json_schema(),
                "example": EXAMPLE,
            },
        },
    }
}


def create_app(
    guard: Guard,
    *,
    keys: Keys | None = None,
    limits: Limits | None = None,
    hosts: Collection[str] = (),
    upstream: Upstream | None = None,
) -> FastAPI:
    """The service of a guard.

    Args:
        guard: what checks; its ``on_error`` is ``"block"``.
        keys: who may ask; None for anybody.
        limits: of requests.
        hosts: from which images are fetched by their address; private ones too.
        upstream: the image API whose answers are checked; None for no such route.
    """
    return _Service(guard, keys, limits or Limits(), Fetch(hosts=hosts), upstream).app


class _Service:
    def __init__(
        self,
        guard: Guard,
        keys: Keys | None,
        limits: Limits,
        fetch: Fetch,
        upstream: Upstream | None,
    ) -> None:
        self._guard, self._limits, self._fetch = guard, limits, fetch
        self._batches = Batches(guard, limits.waiting)
        self._metrics = ServiceMetrics(lambda: self._batches.waiting)
        self._described = self._describe(guard.index)
        self.app = FastAPI(
            title="memguard",
            version=__version__,
            description="Says of images whether they copy the training set.",
            lifespan=self._running,
            docs_url=None,  # these pages load their scripts from elsewhere
            redoc_url=None,
        )
        self.app.add_middleware(CountAnswers, metrics=self._metrics)
        self.app.add_middleware(BodyLimit, limits=limits)
        may = Access(keys, limits.requests_per_minute).may
        self.app.post(
            "/v1/check",
            response_model=CheckResponse,
            responses=PROBLEMS,
            openapi_extra=BODY,
            dependencies=[may("check")],
        )(self.check)
        self.app.post("/v1/reload", responses=PROBLEMS, dependencies=[may("admin")])(self.reload)
        if upstream is not None:
            self._upstream = guard.wrap(upstream)
            self.app.post(
                "/v1/images/generations", responses=PROBLEMS, dependencies=[may("check")]
            )(self.generate)
        self.app.get("/healthz")(self.alive)
        self.app.get("/readyz", response_model=Ready, responses={503: {"model": Ready}})(self.ready)
        self.app.get("/metrics", response_class=Response)(self.metrics)

    async def check(self, request: Request) -> CheckResponse:
        """Say of each image whether it copies the training set."""
        sent = await read_images(request, self._limits, self._fetch)
        key = secrets.token_hex(KEY_BYTES)
        try:
            verdicts = await self._batches.check(key, [one.image for one in sent])
        except BusyError as error:
            raise HTTPException(429, str(error), {"Retry-After": str(error.seconds)}) from None
        self._metrics.checked(verdicts)
        failed = [verdict for verdict in verdicts if verdict.label == "unchecked"]
        if failed:
            raise HTTPException(503, f"{len(failed)} images could not be checked: {failed[0].why}")
        return CheckResponse(
            request=key,
            index=self._index(),
            images=[
                CheckedImage(
                    name=one.name,
                    sha256=one.sha256,
                    block=self._guard.policy.acts_on(verdict),
                    verdict=_model(verdict),
                )
                for one, verdict in zip(sent, verdicts, strict=True)
            ],
        )

    async def generate(self, asked: dict[str, Any] = GENERATION) -> dict[str, Any]:
        """Ask the image API behind this service, and hand on its answer without copies."""
        if asked.get("stream"):
            raise HTTPException(422, "streams are not handed on; ask without stream")
        try:
            answer, verdicts = await self._guard.call(self._upstream, **asked)
        except UpstreamError as error:
            raise HTTPException(error.status, error.detail) from error
        except MemguardError as error:
            raise HTTPException(503, f"the answer could not be checked: {error}") from error
        self._metrics.checked(verdicts)
        failed = [verdict for verdict in verdicts if verdict.label == "unchecked"]
        if failed or not verdicts:
            raise HTTPException(503, "the answer's images could not be checked")
        return dict(answer)

    async def reload(self) -> IndexModel:
        """Open the newest version of the index; checks go on meanwhile."""
        try:
            await run_in_threadpool(self._guard.reload)
        except MemguardError as error:
            raise HTTPException(503, str(error)) from error
        return self._index()

    async def alive(self) -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "alive"}

    async def ready(self, response: Response) -> Ready:
        """Whether checks can be relied on: the index's canaries are found, and it is the newest."""
        problems, references = [], len(self._guard.index)
        try:
            health = await run_in_threadpool(self._guard.health)
        except MemguardError as error:
            problems.append(str(error))
        else:
            references = health.records
            if health.outdated:
                problems.append("the index has changed, and is not opened again yet")
        response.status_code = 503 if problems else 200
        return Ready(
            status="not ready" if problems else "ready", problems=problems, references=references
        )

    async def metrics(self) -> Response:
        """Counters and gauges for Prometheus."""
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")

    @contextlib.asynccontextmanager
    async def _running(self, _: FastAPI) -> AsyncIterator[None]:
        checking = asyncio.create_task(self._batches.run())
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            self._batches.close()
            await checking

    async def _look(self) -> None:
        """Open the index again when it has changed."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if (await run_in_threadpool(self._guard.health)).outdated:
                    await run_in_threadpool(self._guard.reload)
                    log.info("%s has changed, and was opened again", self._guard.index.name)
            except Exception:
                log.exception("%s could not be looked at", self._guard.index.name)

    def _index(self) -> IndexModel:
        if self._described[0] is not self._guard.index:
            self._described = self._describe(self._guard.index)
        return self._described[1]

    def _describe(self, index: Index) -> tuple[Index, IndexModel]:
        self._metrics.opened(index)
        calibration = Calibration.of(index)
        return index, IndexModel(
            name=index.name,
            references=len(index),
            fingerprint=index.fingerprint,
            calibration=None if calibration is None else calibration.id,
        )


def _model(verdict: Verdict) -> VerdictModel:
    return VerdictModel.model_validate(verdict.to_json())
