"""Rights notices, read back from files that hold them as cameras and editors write them."""

from __future__ import annotations

import io

import pytest
from fixtures.picture_files import encoded
from PIL import Image, TiffImagePlugin
from PIL.PngImagePlugin import PngInfo

from memguard.sources.rights import MAX_CHARACTERS, joined, notice, rights_of

RED = Image.new("RGB", (8, 8), "red")

XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"
 xmlns:cc="http://creativecommons.org/ns#">
<rdf:RDF><rdf:Description xmpRights:WebStatement="https://example.org/terms">
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© 2020 Jörg</rdf:li>
<rdf:li xml:lang="de">nicht dies</rdf:li></rdf:Alt></dc:rights>
<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Bo</rdf:li></rdf:Seq></dc:creator>
<cc:license rdf:resource="https://creativecommons.org/licenses/by/4.0/"/>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""

SAID_BY_XMP = (
    "© 2020 Jörg; licence: https://example.org/terms; "
    "licence: https://creativecommons.org/licenses/by/4.0/; by Ann, Bo"
)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif(format: str) -> None:
    exif = Image.Exif()
    exif[0x8298] = "© 2020 Jörg".encode()
    exif[0x013B] = b"Ann"
    assert rights_of(encoded(RED, format, exif=exif)) == "© 2020 Jörg; by Ann"


def test_exif_copyright_of_photographer_and_editor() -> None:
    exif = Image.Exif()
    exif[0x8298] = b"Ann\0Bo"
    said = rights_of(encoded(RED, "JPEG", exif=exif))
    assert said is not None
    assert said.startswith("Ann")
    assert "\0" not in said


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
def test_xmp(format: str) -> None:
    assert rights_of(encoded(RED, format, xmp=XMP.encode())) == SAID_BY_XMP


def test_xmp_of_a_png() -> None:
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP)
    assert rights_of(encoded(RED, "PNG", pnginfo=texts)) == SAID_BY_XMP


def test_xmp_of_a_tiff() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[700] = XMP.encode()
    tags.tagtype[700] = 1
    assert rights_of(encoded(RED, "TIFF", tiffinfo=tags)) == SAID_BY_XMP


def test_xmp_with_entities_is_not_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + XMP.replace("Ann", "&b;")
    assert rights_of(encoded(RED, "JPEG", xmp=bomb.encode())) is None


def test_damaged_xmp_leaves_the_rest() -> None:
    data = encoded(RED, "JPEG", xmp=b"<x:xmpmeta", comment="(c) Ann")
    assert rights_of(data) == "(c) Ann"


def iptc(utf8: bool, **fields: tuple[int, str]) -> bytes:
    """A JPEG with IPTC-IIM records, as Photoshop lays them into APP13."""
    coding = "utf-8" if utf8 else "latin-1"
    records = [(1, 90, b"\x1b%G")] if utf8 else []
    records += [(2, dataset, text.encode(coding)) for dataset, text in fields.values()]
    data = b"".join(
        bytes([0x1C, record, dataset]) + len(value).to_bytes(2, "big") + value
        for record, dataset, value in records
    )
    resource = b"8BIM\x04\x04\0\0" + len(data).to_bytes(4, "big") + data + b"\0" * (len(data) % 2)
    segment = b"Photoshop 3.0\0" + resource
    whole = encoded(RED, "JPEG")
    return whole[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + whole[2:]


@pytest.mark.parametrize("utf8", [True, False])
def test_iptc(utf8: bool) -> None:
    data = iptc(utf8, notice=(116, "© Zoë Inc"), creator=(80, "Jörg"))
    assert Image.open(io.BytesIO(data)).size == (8, 8)
    assert rights_of(data) == "© Zoë Inc; by Jörg"


def test_png_texts() -> None:
    texts = PngInfo()
    texts.add_text("Copyright", "Ann 2020")
    texts.add_text("Author", "unknown")
    texts.add_text("License", "CC0")
    texts.add_text("Title", "a red square")
    assert rights_of(encoded(RED, "PNG", pnginfo=texts)) == "Ann 2020; licence: CC0"


@pytest.mark.parametrize(
    ("comment", "said"),
    [("Copyright 1998\nAnn", "Copyright 1998 Ann"), ("made with a program", None)],
)
def test_comments_only_where_they_hold_a_notice(comment: str, said: str | None) -> None:
    assert rights_of(encoded(RED, "JPEG", comment=comment)) == said


@pytest.mark.parametrize("data", [b"", b"no image", encoded(RED, "JPEG")[:30]])
def test_no_image_names_none(data: bytes) -> None:
    assert rights_of(data) is None


def test_an_image_without_a_notice() -> None:
    assert rights_of(encoded(RED, "PNG")) is None


def test_a_notice_is_one_line_without_repetitions() -> None:
    assert notice(notices=["© Ann\n 2020 ", None, "?"], licences=[["CC-BY", " "]]) == (
        "© Ann 2020; licence: CC-BY"
    )
    assert notice(notices=["© Ann 2020", "© ann 2020"], creators=["Ann", "Bo"]) == (
        "© Ann 2020; by Bo"
    )
    assert notice(notices=["", "None"], creators=[b"N/A"]) is None


def test_lines_are_joined_and_cut() -> None:
    assert (
        joined("licence: CC0", None, "© Ann; licence: CC0") == "licence: CC0; © Ann; licence: CC0"
    )
    assert joined("© Ann; licence: CC0", "licence: CC0") == "© Ann; licence: CC0"
    assert joined(None, "") is None
    long = joined("x" * 10_000)
    assert long is not None
    assert len(long) == MAX_CHARACTERS
