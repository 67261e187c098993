"""Guard images that a remote API generates, here one in the shape of OpenAI's images endpoint.

    IMAGES_API=https://api.openai.com IMAGES_API_KEY=... python examples/remote_api.py "a cat"

The API's images are checked here, against your index; a copy is asked for again, twice at most.
With OpenAI's own client it is ``watch.wrap(client.images.generate)``.
"""

import base64
import os
import sys
from pathlib import Path
from typing import Any

import httpx2

from memguard import Guard, Policy


def generate(prompt: str) -> dict[str, Any]:
    """What the API answers: ``{"data": [{"b64_json": ...}, ...], ...}``."""
    answer = httpx2.post(
        f"{os.environ['IMAGES_API']}/v1/images/generations",
        headers={"Authorization": f"Bearer {os.environ['IMAGES_API_KEY']}"},
        json={"model": "gpt-image-1", "prompt": prompt, "n": 1},
        timeout=120,
    )
    answer.raise_for_status()
    decoded: dict[str, Any] = answer.json()
    return decoded


if __name__ == "__main__":
    watch = Guard("training.memguard", policy=Policy("regenerate", attempts=2))
    (image,) = watch.wrap(generate)(sys.argv[1])["data"]
    (verdict,) = watch.last_verdicts
    Path("image.png").write_bytes(base64.b64decode(image["b64_json"]))
    print(verdict.label, verdict.attempt, verdict.why)
