"""What reads bytes from elsewhere: each target takes any bytes, and raises nothing."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from memguard.errors import UnreadableImageError
from memguard.files import checked_json, read_checked
from memguard.index.store.manifest import Manifest
from memguard.sources import open_source
from memguard.sources.rights import rights_of
from memguard.vision.decode import decode

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Description><dc:rights>(c)'
    b"</dc:rights></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def decoding(data: bytes) -> None:
    """An image file."""
    with contextlib.suppress(UnreadableImageError):
        image, size = decode(data)
        assert image.mode == "RGB"
        assert min(*image.size, *size) > 0


def rights(data: bytes) -> None:
    """The notices in an image file: one line of text that UTF-8 can hold, or none."""
    found = rights_of(data)
    assert found is None or (found.encode() and len(found.splitlines()) == 1)


def manifest(data: bytes) -> None:
    """The manifest of an index, and any other checked JSON."""
    with contextlib.suppress(ValueError):
        read_checked(data)
    with contextlib.suppress(ValueError):
        Manifest.parse(data)


def sealed_manifest(data: bytes) -> None:
    """JSON whose checksum fits: somebody wrote it on purpose."""
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(data)
        if isinstance(found, dict):
            manifest(checked_json(found))


def _source(data: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"source{suffix}")
        path.write_bytes(data)
        for item in open_source(path).iterate():
            assert not Path(item.uri).is_absolute() or item.uri.startswith(folder)
            with contextlib.suppress(OSError, UnreadableImageError):
                item.read()


def shard(data: bytes) -> None:
    """A WebDataset shard."""
    _source(data, ".tar")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "decoding": decoding,
    "rights": rights,
    "manifest": manifest,
    "sealed-manifest": sealed_manifest,
    "shard": shard,
}


def seeds(target: str) -> list[bytes]:
    """Well-formed inputs, which a fuzzer changes."""
    if target in ("decoding", "rights"):
        return _pictures()
    if target == "shard":
        return [_tar()]
    plain = {"format": 3, "descriptors": [], "ann": {}, "lists": {}, "rows": 3, "canaries": [0]}
    return [checked_json(plain) if target == "manifest" else json.dumps(plain).encode()]


def _pictures() -> list[bytes]:
    levels = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)
    image, exif = Image.fromarray(levels), Image.Exif()
    exif[0x8298] = "(c) somebody"
    found = []
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"):
        buffer = io.BytesIO()
        options = {} if kind in ("GIF", "BMP") else {"exif": exif}
        if kind in ("JPEG", "WEBP"):
            options["xmp"] = XMP
        image.save(buffer, kind, **options)
        found.append(buffer.getvalue())
    return found


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in (
            ("0.png", _pictures()[0]),
            ("0.txt", b"a caption"),
            ("0.json", b'{"url": "https://example.org"}'),
            ("../../1.png", _pictures()[0]),
            ("/etc/2.png", _pictures()[0]),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo("3.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return buffer.getvalue()
