"""Any image file as upright RGB: each kind is written by Pillow from a real photograph."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fixtures.picture_files import decompression_bomb, encoded, mean_difference
from PIL import Image, ImageCms, ImageDraw, ImageOps

from memguard.errors import UnreadableImageError
from memguard.vision.decode import DRAFT_EDGE_PX, decode, to_rgb

LOSSY = 4.0
"""Mean error in levels that a good JPEG or WebP of the photograph stays below."""


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm", "tga", "jp2"])
def test_lossless_formats_come_out_pixel_for_pixel(cat: Image.Image, suffix: str) -> None:
    data = encoded(cat, Image.registered_extensions()[f".{suffix}"])
    rgb, size = decode(data)
    assert size == cat.size
    assert rgb.mode == "RGB"
    assert rgb.tobytes() == cat.tobytes()


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_come_out_nearly_the_same(cat: Image.Image, format: str) -> None:
    rgb, size = decode(encoded(cat, format, quality=90))
    assert size == cat.size
    assert mean_difference(rgb, cat) < LOSSY


def test_cmyk_jpeg_has_the_colours_of_the_photograph(cat: Image.Image) -> None:
    data = encoded(cat.convert("CMYK"), "JPEG", quality=95)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert mean_difference(decode(data)[0], cat) < LOSSY


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(cat: Image.Image, format: str, orientation: int) -> None:
    stored = {
        1: lambda image: image,
        2: ImageOps.mirror,
        3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
        4: ImageOps.flip,
        5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
        6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
        7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
        8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
    }[orientation](cat)
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb, size = decode(encoded(stored, format, exif=exif))
    assert size == cat.size
    assert rgb.size == cat.size
    assert mean_difference(rgb, cat) < 8


def test_palette_png(cat: Image.Image) -> None:
    rgb, _ = decode(encoded(cat.convert("P", palette=Image.Palette.ADAPTIVE, colors=256), "PNG"))
    assert mean_difference(rgb, cat) < 8


def test_transparent_palette_colour_becomes_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 2), 1)
    rgb, _ = decode(encoded(image, "PNG", transparency=0))
    assert rgb.getpixel((0, 0)) == (255, 255, 255)
    assert rgb.getpixel((1, 2)) == (0, 0, 255)


def test_transparent_rgb_colour_becomes_white() -> None:
    image = Image.new("RGB", (4, 4), (10, 20, 30))
    image.putpixel((3, 3), (200, 0, 0))
    rgb, _ = decode(encoded(image, "PNG", transparency=(10, 20, 30)))
    assert rgb.getpixel((0, 0)) == (255, 255, 255)
    assert rgb.getpixel((3, 3)) == (200, 0, 0)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_laid_on_white(cat: Image.Image, format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    layer = cat.convert("RGBA")
    alpha = Image.new("L", cat.size, 255)
    ImageDraw.Draw(alpha).rectangle((0, 0, 99, 99), fill=0)
    ImageDraw.Draw(alpha).rectangle((100, 0, 199, 99), fill=128)
    layer.putalpha(alpha)
    pixels = np.asarray(decode(encoded(layer, format, **options))[0]).astype(float)
    original = np.asarray(cat).astype(float)
    assert (pixels[:100, :100] == 255).all()
    half = original * 128 / 255 + 255 * 127 / 255
    np.testing.assert_allclose(pixels[:100, 100:200], half[:100, 100:200], atol=1.5)
    np.testing.assert_array_equal(pixels[100:], original[100:])


def test_grey_with_alpha() -> None:
    image = Image.new("LA", (3, 1))
    for column, pixel in enumerate([(0, 255), (0, 0), (90, 255)]):
        image.putpixel((column, 0), pixel)
    rgb, _ = decode(encoded(image, "PNG"))
    assert [rgb.getpixel((column, 0)) for column in range(3)] == [
        (0, 0, 0),
        (255, 255, 255),
        (90, 90, 90),
    ]


def test_one_bit(cat: Image.Image) -> None:
    dots = cat.convert("1")
    rgb, _ = decode(encoded(dots, "PNG"))
    assert rgb.tobytes() == dots.convert("RGB").tobytes()
    assert set(np.unique(np.asarray(rgb))) == {0, 255}


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_not_clipped(cat: Image.Image, format: str) -> None:
    grey = np.asarray(cat.convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    rgb, _ = decode(encoded(deep, format))
    np.testing.assert_array_equal(np.asarray(rgb)[..., 0], grey)


def test_an_almost_black_sixteen_bit_image_stays_black() -> None:
    levels = np.zeros((8, 8), np.uint16)
    levels[::2] = 1
    rgb, _ = decode(encoded(Image.fromarray(levels), "PNG"))
    assert np.asarray(rgb).max() == 0


def test_floats_in_the_unit_range_and_not_a_number() -> None:
    levels = np.array([[0, 0.5, 1, np.nan]], np.float32)
    rgb, _ = decode(encoded(Image.fromarray(levels), "TIFF"))
    assert np.asarray(rgb)[0, :, 0].tolist() == [0, 128, 255, 0]


def test_floats_of_sixteen_bits() -> None:
    rgb = to_rgb(Image.fromarray(np.array([[0, 65535, 32896]], np.float32)))
    assert np.asarray(rgb)[0, :, 0].tolist() == [0, 255, 128]


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_counts(cat: Image.Image, format: str) -> None:
    red = Image.new("RGB", cat.size, "red")
    data = encoded(cat, format, save_all=True, append_images=[red, red])
    assert Image.open(io.BytesIO(data)).n_frames >= 2
    assert mean_difference(decode(data)[0], cat) < 20


def test_transparent_gif() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0, 0, 128, 0])
    image.putpixel((1, 1), 1)
    rgb, _ = decode(encoded(image, "GIF", transparency=0))
    assert rgb.getpixel((0, 0)) == (255, 255, 255)
    assert rgb.getpixel((1, 1)) == (0, 128, 0)


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "RGBX", "PA", "RGBa"])
def test_unusual_modes_in_memory(cat: Image.Image, mode: str) -> None:
    between = {"PA": "LA", "RGBa": "RGBA"}.get(mode)
    image = cat.convert(between).convert(mode) if between else cat.convert(mode)
    expected = cat.convert("L").convert("RGB") if mode == "PA" else cat
    assert mean_difference(to_rgb(image), expected) < LOSSY


def test_lab_tiff(cat: Image.Image) -> None:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(cat, to_lab)
    assert mean_difference(decode(encoded(lab, "TIFF"))[0], cat) < 8


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 7)])
def test_tiny_and_very_long_images(cat: Image.Image, size: tuple[int, int]) -> None:
    image = cat.resize(size)
    rgb, full = decode(encoded(image, "PNG"))
    assert full == rgb.size == size


def test_large_jpegs_are_decoded_at_reduced_scale(cat: Image.Image) -> None:
    large = cat.resize((2706, 1800))
    rgb, full = decode(encoded(large, "JPEG", quality=90))
    assert full == (2706, 1800)
    assert DRAFT_EDGE_PX <= min(rgb.size) < 1800
    assert mean_difference(rgb.resize((902, 600)), cat.resize((902, 600))) < LOSSY


def test_full_size_of_an_almost_square_large_jpeg(cat: Image.Image) -> None:
    """At reduced scale both sides round to the same number."""
    data = encoded(cat.resize((5122, 5121)), "JPEG", quality=30)
    rgb, full = decode(data)
    assert rgb.width == rgb.height
    assert full == (5122, 5121)


def test_full_size_of_a_large_rotated_jpeg(cat: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb, full = decode(encoded(cat.resize((2706, 1800)), "JPEG", exif=exif))
    assert full == (1800, 2706)
    assert rgb.height > rgb.width


def test_empty_file() -> None:
    with pytest.raises(UnreadableImageError, match="the file is empty"):
        decode(b"")


def test_text() -> None:
    with pytest.raises(UnreadableImageError, match="not an image in a format"):
        decode(b"<html>404 not found</html>")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_files_are_refused(cat: Image.Image, format: str, share: float) -> None:
    data = encoded(cat, format)
    with pytest.raises(UnreadableImageError) as refusal:
        decode(data[: int(len(data) * share)])
    assert str(refusal.value)


def test_decompression_bomb() -> None:
    with pytest.raises(UnreadableImageError, match="decompression bomb"):
        decode(decompression_bomb())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "JPEG2000"])
def test_damaged_files_raise_nothing_but_unreadable(cat: Image.Image, format: str) -> None:
    """Random bytes overwritten, from a fixed seed: all errors of Pillow become ours."""
    whole = encoded(cat.resize((60, 40)), format)
    random = np.random.default_rng(0)
    reasons = []
    for _ in range(60):
        data = bytearray(whole)
        head = len(data) if random.random() < 0.5 else min(len(data), 300)
        for position in random.integers(0, head, 6):
            data[position] = random.integers(256)
        try:
            assert decode(bytes(data))[0].mode == "RGB"
        except UnreadableImageError as error:
            reasons.append(str(error))
    assert reasons
    assert all(reasons)


def test_avif_whose_items_are_damaged(cat: Image.Image) -> None:
    """libavif's errors are RuntimeErrors."""
    data = bytearray(encoded(cat.resize((60, 40)), "AVIF"))
    start = data.index(b"mdat")
    data[start + 4 : start + 40] = bytes(36)
    with pytest.raises(UnreadableImageError, match="decode"):
        decode(bytes(data))


def test_real_files_of_the_wheel_equal_pillow(photographs: dict[str, Image.Image]) -> None:
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    for name, image in photographs.items():
        rgb, size = decode((folder / name).read_bytes())
        assert size == image.size
        assert rgb.size == image.size or min(rgb.size) >= DRAFT_EDGE_PX
        assert mean_difference(rgb, image.resize(rgb.size)) < LOSSY, name


def test_to_rgb_leaves_the_given_image_alone(cat: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(io.BytesIO(encoded(cat, "PNG", exif=exif)))
    assert to_rgb(image).size == (cat.height, cat.width)
    assert image.size == cat.size
