"""All references that an image copies, for a takedown: not only the nearest ones."""

from __future__ import annotations

from PIL import Image

from memguard.detection.detector import Detector
from memguard.errors import ConfigurationError
from memguard.verdict import Match
from memguard.vision.picture import Picture


def find_copies(detector: Detector, image: Image.Image) -> list[Match]:
    """The references for which the detector would call the image memorized or similar.

    Those found are excluded and the search repeated until it finds nothing more.

    Raises:
        ConfigurationError: the image is blank.
    """
    picture = Picture(image)
    if picture.is_blank:
        raise ConfigurationError("the image is blank: every other blank image resembles it")
    found: list[Match] = []
    rest = detector.counting_all()
    while True:
        (matches,) = rest.find_matches([picture])
        near = [match for match in matches if rest.decide([match]).label != "clear"]
        if not near:
            return found
        found += near
        rest = rest.excluding([match.id for match in near])
