"""What the images given to one call allow: the references that they show, and nothing else.

An image that a pipeline starts from (img2img, inpainting, ControlNet, an upscaler) may be a
training image. Whoever brings it may have it back.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Iterator, Sequence

from PIL import Image

from memguard.detection.detector import Detector
from memguard.detection.same_picture import find_same
from memguard.errors import ConfigurationError
from memguard.pipelines.call import Call
from memguard.pipelines.inputs import Images, read_images
from memguard.pipelines.pictures import Shown, Unreadable, Video
from memguard.verdict import Exemption, Verdict
from memguard.vision.picture import Picture

ARGUMENT = "memguard_allow"
"""The argument of a guarded call with the images that it allows; the pipeline does not get it."""


class Allowance:
    """The images that a call allows.

    The references that they show are looked up when something is flagged, and then once.

    Args:
        images: one or many, as :meth:`memguard.Guard.check` takes them. They are copied: a
            pipeline may write into them.

    Raises:
        ConfigurationError: something that is no image, or one that cannot be read.
    """

    def __init__(self, images: Images = ()) -> None:
        self._images = [image.copy() for image in _readable(read_images(images))]
        self._shown: tuple[Detector, list[str]] | None = None
        self._lock = threading.Lock()

    def detect(self, detector: Detector, images: Sequence[Image.Image]) -> list[Verdict]:
        """One verdict per image, for which what the call allows does not count."""
        verdicts = detector.detect(images)
        flagged = [at for at, one in enumerate(verdicts) if one.label in ("similar", "memorized")]
        if not (self._images and flagged):
            return verdicts
        exempt: dict[str, Exemption] = dict.fromkeys(self._ids(detector), "allowed for this call")
        again = detector.exempting(exempt).detect([images[at] for at in flagged])
        for at, verdict in zip(flagged, again, strict=True):
            verdicts[at] = verdict
        return verdicts

    def _ids(self, detector: Detector) -> list[str]:
        """The ids of the references that the images show."""
        with self._lock:
            if self._shown is None or self._shown[0] is not detector:
                pictures = map(Picture, self._images)
                ids = [match.id for picture in pictures for match in find_same(detector, picture)]
                self._shown = detector, ids
            return self._shown[1]


def _readable(shown: Iterable[Shown]) -> Iterator[Image.Image]:
    for one in shown:
        if isinstance(one, Unreadable):
            raise ConfigurationError(
                f"an image in {ARGUMENT} cannot be read ({one.reason}): leave it out, or give "
                "another copy"
            )
        if isinstance(one, Video):
            yield from _readable(one.frames.pictures)
        elif isinstance(one, Image.Image):
            yield one


NOTHING = Allowance()


def allowance_of(call: Call) -> tuple[Call, Allowance]:
    """The call without :data:`ARGUMENT`, and what it allows.

    Raises:
        ConfigurationError: see :class:`Allowance`.
    """
    if ARGUMENT not in call.kwargs:
        return call, NOTHING
    rest = {name: value for name, value in call.kwargs.items() if name != ARGUMENT}
    given = call.kwargs[ARGUMENT]
    return dataclasses.replace(call, kwargs=rest), Allowance(() if given is None else given)
