"""Images that a pipeline returns by address: fetched to be checked, and handed on so or as data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from PIL import Image

from memguard.pipelines.encoded import encoded_like, read_encoded
from memguard.pipelines.pictures import Output, Shown, Unreadable
from memguard.pipelines.texts import Link, data_url

Fetcher = Callable[[str], bytes]
"""What is behind an address; any error means that the image there is ``unchecked``."""

Urls = Literal["keep", "embed"]
"""Images that a pipeline returns by address are fetched, to be checked. ``keep``: the address is
handed on, and may serve another picture later. ``embed``: the picture that was checked is handed on
instead, as a data URL."""

AT_ONCE = 8
"""Addresses that are fetched at the same time."""


def followed(output: Output, fetch: Fetcher, urls: Urls) -> Output:
    """The output with the images that are behind its addresses.

    Instead of an image that is withheld, it shows a data URL of a placeholder of the same size and
    format.
    """
    shown = {
        at: output.pictures[at] for at, one in enumerate(output.pieces) if isinstance(one, str)
    }
    links = {position: link for position, link in shown.items() if isinstance(link, Link)}
    if not links:
        return output
    with ThreadPoolExecutor(min(len(links), AT_ONCE)) as threads:
        fetched = dict(zip(links, threads.map(lambda link: _fetched(link, fetch), links.values())))
    embedded = {
        position: data_url(data)
        for position, (data, picture) in fetched.items()
        if urls == "embed" and isinstance(picture, Image.Image)
    }

    def rendered(position: int, image: Image.Image) -> Any:
        data, picture = fetched.get(position, (b"", None))
        if not isinstance(picture, Image.Image):
            return output.rendered(position, image)
        return data_url(encoded_like(image.resize(picture.size), data))

    def replaced(new: Mapping[int, Any]) -> Any:
        return output.replaced({**embedded, **new})

    pictures, pieces = list(output.pictures), list(output.pieces)
    for position, (_, picture) in fetched.items():
        pictures[position] = picture
        pieces[position] = embedded.get(position, pieces[position])
    return dataclasses.replace(
        output, pictures=pictures, pieces=pieces, rendered=rendered, replaced=replaced
    )


def _fetched(link: Link, fetch: Fetcher) -> tuple[bytes, Shown]:
    """The encoded image behind an address, and the image."""
    try:
        data = fetch(link.url)
        return data, read_encoded(data)
    except Exception as error:  # whatever a fetcher raises
        return b"", Unreadable(f"an image that was given by its address: {error}")
