"""Batches whose check fails are halved, until only images that cannot be checked are left.

So an image that breaks the check takes no other with it, and a batch that is too large for the
memory is checked in parts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from PIL import Image

from memguard.errors import IndexUnavailableError
from memguard.verdict import Verdict

log = logging.getLogger("memguard")

Answer: TypeAlias = Verdict | Exception
"""The verdict on an image, or why there is none."""


def answer_all(
    detect: Callable[[Sequence[Image.Image]], list[Verdict]],
    images: Sequence[Image.Image],
    answers: list[Answer],
    wanted: Sequence[int],
    going: Callable[[], bool],
) -> None:
    """Check images, and note each answer as soon as it is known.

    Args:
        detect: one verdict per image.
        images: all images.
        answers: as many; those of the wanted images are replaced.
        wanted: positions of the images to check.
        going: whether to go on; asked before each batch.
    """
    waiting = [list(wanted)]
    while waiting and going():
        part = waiting.pop()
        if not part:
            continue
        try:
            found: Sequence[Answer] = detect([images[position] for position in part])
        except Exception as error:
            if len(part) > 1 and not isinstance(error, IndexUnavailableError):
                log.warning(
                    "memguard goes on in smaller batches: the check of %d images failed (%s: %s)",
                    len(part),
                    type(error).__name__,
                    error,
                )
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
                continue
            log.exception("memguard could not check %d images", len(part))
            found = [error.with_traceback(None)] * len(part)  # frames hold on to memory
        for position, answer in zip(part, found, strict=True):
            answers[position] = answer
