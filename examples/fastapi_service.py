"""An image service that withholds copies: ``POST /images`` with ``{"prompt": "..."}``.

    uvicorn --app-dir examples fastapi_service:app

Users learn that an image was withheld and nothing else; the match is in the operator's log.
"""

import io
import logging

from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel
from stand_in import pipeline

from memguard import Guard, IndexUnavailableError, MemorizedImageError

log = logging.getLogger("uvicorn.error")
watch = Guard("training.memguard", policy="raise")
safe = watch.wrap(pipeline)
app = FastAPI()


class Prompt(BaseModel):
    """The body of a request."""

    prompt: str


@app.post("/images", response_class=Response)
def generate(request: Prompt) -> Response:
    """A PNG, or status 422 if it copies a training image."""
    try:
        (image,) = safe(request.prompt)
    except MemorizedImageError as error:
        log.warning("withheld: %s", [verdict.why for verdict in error.verdicts])
        raise HTTPException(422, "The image was withheld. Try another prompt.") from None
    png = io.BytesIO()
    image.save(png, "PNG")
    return Response(png.getvalue(), media_type="image/png")


@app.get("/health")
def health() -> dict[str, int]:
    """The index's size, or status 503 if its planted references are no longer found."""
    try:
        watch.health()
    except IndexUnavailableError as error:
        raise HTTPException(503, str(error)) from None
    return {"references": len(watch.index)}
