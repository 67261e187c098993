"""Images as text: what is one, and what is just text."""

from __future__ import annotations

import base64
import io
import textwrap

import pytest
from fixtures.guarded_images import drawing
from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.texts import (
    data_url,
    encoded_text,
    is_address,
    is_address_of_image,
    is_base64_name,
)


def encoded(name: str = "PNG") -> bytes:
    stream = io.BytesIO()
    drawing(1).save(stream, name)
    return stream.getvalue()


PNG, OTHER = encoded(), encoded("JPEG")
TEXT = base64.b64encode(PNG).decode()

WRITTEN = {
    "base64": TEXT,
    "without padding": TEXT.rstrip("="),
    "for URLs": base64.urlsafe_b64encode(PNG).decode(),
    "in lines": textwrap.fill(TEXT, 76),
    "data URL": f"data:image/png;base64,{TEXT}",
    "data URL with parameters": f"data:image/png;charset=utf-8;base64,{TEXT}",
    "data URL in capitals": f"DATA:IMAGE/PNG;BASE64,{TEXT}",
    "data URL, quoted": f"data:image/png;base64,{TEXT.replace('+', '%2B').replace('/', '%2F')}",
    "data URL of no kind": f"data:;base64,{TEXT}",
    "data URL of a wrong kind": f"data:text/plain;base64,{TEXT}",
    "data URL of bytes": "data:image/png," + "".join(f"%{byte:02x}" for byte in PNG),
}


@pytest.mark.parametrize("how", WRITTEN)
@pytest.mark.parametrize("required", [True, False])
def test_images_are_read_and_written_alike(how: str, required: bool) -> None:
    found = encoded_text(WRITTEN[how], required=required)
    assert found is not None
    assert found.data == PNG
    other = found.like(OTHER)
    assert other.startswith("data:") == WRITTEN[how].lower().startswith("data:")
    again = encoded_text(other, required=True)
    assert again is not None
    assert again.data == OTHER


def test_the_alphabet_is_kept() -> None:
    data = PNG + b"\xfb\xff\xfe" * 4
    for write in (base64.b64encode, base64.urlsafe_b64encode):
        found = encoded_text(write(data).decode(), required=True)
        assert found is not None
        assert found.like(data) == write(data).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a cat",
        "a prompt that is much longer " * 30,
        "Qk0x",  # an id that begins like a bitmap in base64
        "QmFzZTY0IG9mIHRleHQ",
        "gAAAAABm" + "x7Kq" * 100,  # an encrypted token
        "data:audio/wav;base64,UklGRiQAAABXQVZF",
        "data:text/html,<p>Hello",
        "https://example.org/image.png",
        "/tmp/image.png",
    ],
)
def test_other_text_is_none(text: str) -> None:
    assert encoded_text(text, required=False) is None


@pytest.mark.parametrize(
    "text", ["", "a cat", "/tmp/image.png", "QmFzZTY0IG9mIHRleHQ", "gAAAAABm" * 50]
)
def test_other_text_where_an_image_must_be(text: str) -> None:
    with pytest.raises(UnsupportedOutputError, match="found no images in an output of type str"):
        encoded_text(text, required=True)


def test_an_address_where_an_image_must_be_is_left_to_be_fetched() -> None:
    assert encoded_text("https://example.org/image.png", required=True) is None


@pytest.mark.parametrize(
    "text",
    [
        "data:image/svg+xml,<svg/>",
        "data:image/svg+xml;utf8,%3Csvg%20xmlns='http://www.w3.org/2000/svg'/%3E",
        "data:image/png;base64,AAAA",
        "data:image/png;base64,!!!!",
        "data:image/png,",
        "data:video/mp4;base64,AAAA",
        base64.b64encode(b"PK\3\4" + bytes(300)).decode(),
        TEXT[:400] + "!" + TEXT[400:],
    ],
)
def test_what_may_show_an_image_and_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedOutputError):
        encoded_text(text, required=False)


@pytest.mark.parametrize(
    ("text", "name", "image"),
    [
        ("https://example.org/x", "url", True),
        ("https://example.org/x?key=1", "image_url", True),
        ("HTTPS://example.org/x", "imageURL", True),
        (" https://example.org/x\n", "url", True),
        ("https://example.org/x.PNG?key=1#a", "anything", True),
        ("s3://bucket/x.webp", 0, True),
        ("https://example.org/x", "homepage", False),
        ("https://example.org/terms.html", "terms", False),
        ("https://example.org/a and more text", "url", False),
        ("a cat", "url", False),
        ("http://[::1/x.png", "other", False),
    ],
)
def test_addresses_of_images(text: str, name: object, image: bool) -> None:
    assert is_address_of_image(text, name) == image


def test_names_and_data_urls() -> None:
    assert is_base64_name("b64_json")
    assert is_base64_name("imageBase64")
    assert not is_base64_name("prompt")
    assert is_address("https://example.org")
    assert not is_address("a cat")
    assert data_url(OTHER).startswith("data:image/jpeg;base64,/9j/")
    found = encoded_text(data_url(PNG), required=True)
    assert found is not None
    assert Image.open(io.BytesIO(found.data)).size == drawing(1).size
