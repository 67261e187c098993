"""Hashes: as another program would compute them."""

from __future__ import annotations

import hashlib
import io

import pytest
from PIL import Image

from memguard.audit_log.hashes import image_sha256, text_sha256


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_lossless_file_has_the_hash_of_its_image(cat: Image.Image, kind: str) -> None:
    plain = b"RGB 451x300\n" + cat.tobytes()
    assert image_sha256(cat) == hashlib.sha256(plain).hexdigest()
    file = io.BytesIO()
    cat.save(file, kind, lossless=True)
    assert image_sha256(Image.open(file)) == image_sha256(cat)
    assert image_sha256(cat.resize((451, 299))) != image_sha256(cat)


def test_texts() -> None:
    assert text_sha256("ä") == hashlib.sha256("ä".encode()).hexdigest()
    assert len(text_sha256("\ud800")) == 64
