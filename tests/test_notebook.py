"""HTML in notebooks: whole, escaped, self-contained."""

from __future__ import annotations

import io
from html.parser import HTMLParser

from PIL import Image

from memguard.notebook import card


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, kind)
    return stream.getvalue()


class Page(HTMLParser):
    """The tags, the texts and the sources of images of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.sources: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.sources.append(str(dict(attrs)["src"]))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_texts_are_escaped_and_tags_closed() -> None:
    page = Page(card("<script>", {"a & b": "<img src=x>"}))
    assert page.texts == ["<script>", "a & b", "<img src=x>"]
    assert page.sources == []
    assert page.open == []


def test_pictures_are_part_of_the_page() -> None:
    page = Page(card("t", {}, {'a"b': encoded("PNG"), "c": encoded("JPEG")}))
    assert [source.partition(";")[0] for source in page.sources] == [
        "data:image/png",
        "data:image/jpeg",
    ]
    assert page.texts == ["t", 'a"b', "c"]
