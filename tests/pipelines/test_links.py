"""Addresses in outputs: fetched, checked, handed on as they are or as data."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fixtures.guarded_images import drawing
from fixtures.picture_files import encoded
from PIL import Image

from memguard.pipelines.links import AT_ONCE, followed
from memguard.pipelines.outputs import find_images
from memguard.pipelines.pictures import Unreadable
from memguard.pipelines.texts import data_url

GREY = Image.new("RGB", (1, 1), (127, 127, 127))
FILES = {f"https://example.org/{seed}": encoded(drawing(seed)) for seed in range(3)}


def test_an_output_without_addresses_is_the_same() -> None:
    output = find_images([drawing(0), data_url(encoded(drawing(1)))])
    assert followed(output, FILES.__getitem__, "embed") is output


def test_addresses_beside_images() -> None:
    returned = [drawing(5), *FILES]
    output = followed(find_images(returned), FILES.__getitem__, "keep")
    shown: Any = [picture.tobytes() for picture in output.pictures]
    assert shown == [drawing(seed).tobytes() for seed in (5, 0, 1, 2)]
    assert output.replaced({}) is returned
    changed = output.replaced({2: output.rendered(2, GREY)})
    assert changed[:2] == returned[:2]
    assert changed[2].startswith("data:image/png;base64,")
    assert changed[3] == returned[3]


def test_embedded() -> None:
    output = followed(find_images(list(FILES)), FILES.__getitem__, "embed")
    assert output.replaced({}) == list(map(data_url, FILES.values())) == output.pieces


def test_what_fails_is_unreadable_and_not_embedded() -> None:
    returned = ["https://example.org/0", "https://example.org/missing"]
    output = followed(find_images(returned), FILES.__getitem__, "embed")
    assert isinstance(output.pictures[1], Unreadable)
    assert output.replaced({})[1] == returned[1]
    assert output.rendered(1, GREY).startswith("data:image/png;base64,")


def test_several_are_fetched_at_once() -> None:
    together = threading.Barrier(AT_ONCE)

    def fetch(_: str) -> bytes:
        together.wait(timeout=60)
        return FILES["https://example.org/0"]

    output = followed(find_images(["https://example.org/0"] * AT_ONCE), fetch, "keep")
    assert all(isinstance(picture, Image.Image) for picture in output.pictures)


@pytest.mark.parametrize("name", ["url", "image_urls", "src"])
def test_addresses_by_the_name_of_their_field(name: str) -> None:
    output = find_images({"images": [], name: "https://example.org/0", "homepage": "https://a.b/c"})
    assert output.pieces == ["https://example.org/0"]
    assert isinstance(output.pictures[0], Unreadable), "until it is fetched"
    assert len(find_images({"images": [], name: ["/files/0"]}).pieces) == 1
