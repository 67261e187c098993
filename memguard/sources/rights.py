"""Rights in an image, from its file or its source's metadata, on one line.

Read from a file: EXIF (Copyright, Artist), IPTC-IIM (copyright notice 2:116, by-line 2:80), XMP
(``dc:rights``, ``dc:creator``, ``xmpRights:WebStatement``, ``UsageTerms`` and ``Owner``,
``cc:license``), PNG text chunks (Copyright, Author, License) and comments that hold a notice.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from PIL import ExifTags, Image, IptcImagePlugin

MAX_CHARACTERS = 500
"""Length of the line; longer ones are cut."""

PLACEHOLDERS = frozenset(["", "?", "-", "none", "null", "nan", "unknown", "n/a", "na"])
"""Values of fields that mean nothing, in lower case."""

IPTC_UTF8 = b"\x1b%G"
"""Value of IPTC-IIM 1:90 if text is UTF-8; otherwise it is Latin-1."""

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"
XMP_RIGHTS = "{http://ns.adobe.com/xap/1.0/rights/}"
CC = "{http://creativecommons.org/ns#}"

NOTICES = (DC + "rights", XMP_RIGHTS + "Owner")
LICENCES = (XMP_RIGHTS + "UsageTerms", XMP_RIGHTS + "WebStatement", CC + "license")
CREATORS = (DC + "creator",)
"""XMP properties by kind."""

HOLDS_NOTICE = re.compile(r"©|\(c\)|copyright|all rights reserved", re.IGNORECASE)


def rights_of(data: bytes) -> str | None:
    """Copyright notice, licence and creator in an image file; None if it has none of them.

    Args:
        data: the bytes of any image file that Pillow reads; pixels are not decoded.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
            warnings.simplefilter("ignore")
            found = [*_exif(image), *_iptc(image), *_xmp(image), *_texts(image.info)]
    except Exception:  # Pillow raises all kinds on damaged metadata; the pixels may be whole
        return None
    return notice(
        notices=[value for kind, value in found if kind == "notice"],
        licences=[value for kind, value in found if kind == "licence"],
        creators=[value for kind, value in found if kind == "creator"],
    )


def notice(
    *,
    notices: Iterable[object] = (),
    licences: Iterable[object] = (),
    creators: Iterable[object] = (),
) -> str | None:
    """One line such as ``© 2020 Jane Doe; licence: CC-BY 4.0; by Jane Doe``, or None."""
    return joined(
        *_said(notices),
        *(f"licence: {text}" for text in _said(licences)),
        *(f"by {text}" for text in _said(creators)),
    )


def joined(*lines: str | None) -> str | None:
    """The lines as one, without those that an earlier one contains; None if nothing is left."""
    kept: list[str] = []
    for line in lines:
        bare = (line or "").removeprefix("by ").removeprefix("licence: ").casefold()
        if bare and not any(bare in known.casefold() for known in kept):
            kept.append(str(line))
    return "; ".join(kept)[:MAX_CHARACTERS] or None


def _said(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _said(value)
        elif value is not None:
            text = " ".join(_text(value).replace("\0", " ").split())
            if text.casefold() not in PLACEHOLDERS:
                yield text


def _text(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


Found = Iterator[tuple[str, object]]


def _exif(image: Image.Image) -> Found:
    exif = image.getexif()
    yield "notice", _mended(exif.get(ExifTags.Base.Copyright))
    yield "creator", _mended(exif.get(ExifTags.Base.Artist))


def _mended(value: object) -> object:
    """Pillow reads EXIF text as Latin-1; most writers write UTF-8."""
    try:
        return value.encode("latin-1").decode("utf-8") if isinstance(value, str) else value
    except UnicodeError:
        return value


def _iptc(image: Image.Image) -> Found:
    fields = IptcImagePlugin.getiptcinfo(image) or {}  # type: ignore[arg-type]
    coding = "utf-8" if fields.get((1, 90)) == IPTC_UTF8 else "latin-1"
    for kind, key in (("notice", (2, 116)), ("creator", (2, 80))):
        values = fields.get(key) or []
        for value in [values] if isinstance(values, bytes) else values:
            yield kind, value.decode(coding, errors="replace")


def _xmp(image: Image.Image) -> Found:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if not packet:
        return
    try:
        root = fromstring(packet.strip("\0 ") if isinstance(packet, str) else packet.strip(b"\0 "))
    except (SyntaxError, ValueError):  # damaged, or with entities, which XMP has none of
        return
    for kind, names in (("notice", NOTICES), ("licence", LICENCES), ("creator", CREATORS)):
        for name in names:
            for element in root.iter():
                yield kind, element.get(name)
                if element.tag == name:
                    yield kind, _property(element)


def _property(element: Element) -> str:
    """The text of an XMP property: its first language, all its members, or its resource."""
    members = [item.text or "" for item in element.iter(RDF + "li")]
    if element.find(RDF + "Alt") is not None:
        members = members[:1]
    return ", ".join(members) or element.get(RDF + "resource") or element.text or ""


def _texts(info: Mapping[Any, Any]) -> Found:
    kinds = {
        "copyright": "notice",
        "license": "licence",
        "licence": "licence",
        "author": "creator",
    }
    for key, value in info.items():
        kind = kinds.get(str(key).casefold())
        if kind and isinstance(value, (str, bytes)):
            yield kind, value
    comment = _text(info.get("comment", ""))
    if HOLDS_NOTICE.search(comment):
        yield "notice", comment
