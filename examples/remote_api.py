"""Guard images that a remote API generates, here one in the shape of OpenAI's images endpoint.

    IMAGES_API=https://api.openai.com IMAGES_API_KEY=... python examples/remote_api.py "a cat"

The API's images are checked here, against your index; a copy is asked for again, twice at most.
"""

import base64
import io
import os
import sys

import httpx2
from PIL import Image

from memguard import Guard, Policy


def generate(prompt: str) -> list[Image.Image]:
    """The images that the API makes of a prompt."""
    answer = httpx2.post(
        f"{os.environ['IMAGES_API']}/v1/images/generations",
        headers={"Authorization": f"Bearer {os.environ['IMAGES_API_KEY']}"},
        json={"model": "gpt-image-1", "prompt": prompt, "n": 1},
        timeout=120,
    )
    answer.raise_for_status()
    encoded = [image["b64_json"] for image in answer.json()["data"]]
    return [Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB") for data in encoded]


if __name__ == "__main__":
    watch = Guard("training.memguard", policy=Policy("regenerate", attempts=2))
    (image,) = watch.wrap(generate)(sys.argv[1])
    (verdict,) = watch.last_verdicts
    image.save("image.png")
    print(verdict.label, verdict.attempt, verdict.why)
