"""The images and videos in a pipeline's output: find them, read them, replace some.

Knows the shapes of ``diffusers`` outputs without importing it: an object or mapping with
``images`` or ``frames``, a tuple whose first element are these, or the images themselves; as
Pillow images, NumPy arrays, torch tensors, encoded files, base64, data URLs or addresses, one or
many, nested in lists or not. Images anywhere else in such an output are found too, and what may
show images and cannot be read is refused. Everything else is left as it is.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    ItemsView,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from concurrent.futures import Future
from typing import Any, NoReturn

import numpy as np
from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.arrays import (
    array_output,
    as_numpy,
    bytes_like,
    grey_output,
    is_array,
    one_video,
    zeros_like,
)
from memguard.pipelines.containers import attributes_of, items_of, like, refuse, with_members
from memguard.pipelines.encoded import encoded_like, image_format, read_encoded
from memguard.pipelines.field_names import LATENTS, PICTURES, VIDEOS, shows_no_pictures
from memguard.pipelines.pictures import Absent, Output, Unreadable, joined, one, without_pictures
from memguard.pipelines.pillow_images import pillow_output
from memguard.pipelines.texts import file_output, text_output
from memguard.verdict import Verdict

SMALLEST_EDGE_PX = 8
"""An array beside the images with a shorter edge shows nothing: it is sound, or a camera's pose."""

SMALLEST_PLANE_PX = 16
"""The same for arrays of two axes, which are batches of numbers more often than grey images."""

SMALLEST_PICTURE_BYTES = 3 * SMALLEST_EDGE_PX**2
"""Fewer bytes beside the images show nothing."""

SOUND = (b"OggS", b"ID3", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"RIFF")
"""How files of sound begin. Pictures that begin with RIFF are known by then."""

PLAIN = (str, bool, int, float, complex, np.generic, range, slice, Verdict)
"""What shows no pictures."""

BYTES = (bytes, bytearray, memoryview)

CONTROL = frozenset(range(32)) - frozenset(b"\t\n\v\f\r\x1b")
"""Bytes that no text has."""

HELD = (list, tuple, set, frozenset, deque, KeysView, ValuesView, ItemsView)
"""Collections that give the same values each time."""

ARRAY_LIKE = ("__array__", "__array_interface__", "__cuda_array_interface__", "__dlpack__")
"""What arrays and tensors of other libraries have."""

IMAGE_AXES = 3
"""Axes of an array that is one image."""

DEEPEST = 32
"""Containers inside each other."""

Reader = Callable[[Any], Output]

Path = tuple[object, ...]
"""The containers that a value lies in."""


def find_images(
    output: Any,
    fields: Sequence[str] = (),
    *,
    read: Reader | None = None,
    required: bool = True,
) -> Output:
    """Find the images in a pipeline's output.

    Args:
        output: what the pipeline returned.
        fields: the names of a tuple's elements, where they are known; of a bare value, the first.
        read: reads what stands first in a tuple, or in a field of :data:`PICTURES`.
        required: whether a mapping or an object must show images.

    Raises:
        UnsupportedOutputError: there are none, or some that cannot be read.
    """
    items, attributes = items_of(output), attributes_of(output, PICTURES)
    if isinstance(output, tuple) and output and not attributes:
        names = getattr(output, "_fields", fields)
        named = dict(zip((*names, *map(str, range(len(names), len(output)))), output))
        main = {*PICTURES, next(iter(named))} - {name for name in named if _is_plain(named[name])}
        found = _elements(output, named, main, read)
        return found if main & {*named} else _required(output, found)
    if not _is_value(output) and (items or attributes):
        found = _members(output, items, attributes, read, (), numbers=True)
        empty = not required or {*items, *attributes} & {*PICTURES}
        return found if empty else _required(output, found)
    return _main(fields[0] if fields else "", output, read, ())


def labelled(output: Any, verdicts: Sequence[Verdict]) -> Any:
    """The output, with its verdicts where it is an object that takes them.

    Models of pydantic may write what they were given into the JSON that users see: they get none.
    """
    if not _is_value(output) and not hasattr(output, "model_dump"):
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            output.memorization = list(verdicts)
    return output


def _elements(
    values: tuple[Any, ...], named: Mapping[str, Any], main: Collection[str], read: Reader | None
) -> Output:
    """The output that a tuple is."""
    parts = [
        _field(name, value, name in main, read, (), numbers=True) for name, value in named.items()
    ]
    return joined(
        values, parts, lambda changed: like(values, list(map(_without_latents, named, changed)))
    )


def _members(
    whole: Any,
    items: Mapping[Any, Any],
    attributes: Mapping[str, Any],
    read: Reader | None,
    inside: Path,
    *,
    numbers: bool,
) -> Output:
    """The output that a mapping or an object is; the fields of :data:`PICTURES` come first."""
    inside = _deeper(whole, inside)
    if any(_value(key, inside).pieces for key in items if isinstance(key, (str, *BYTES))):
        refuse(whole)
    named = [(items, name) for name in items] + [(attributes, name) for name in attributes]
    named.sort(key=lambda member: member[1] not in PICTURES)
    parts = [
        _field(name, members[name], name in PICTURES, read, inside, numbers=numbers)
        for members, name in named
    ]

    def rebuilt(values: list[Any]) -> Any:
        changed: tuple[dict[Any, Any], dict[str, Any]] = ({}, {})
        for (members, name), value in zip(named, values):
            new = _without_latents(name, value)
            if new is not members[name]:
                changed[members is attributes][name] = new
        return with_members(whole, *changed)

    return joined(whole, parts, rebuilt)


def _field(
    name: Any, value: Any, main: bool, read: Reader | None, inside: Path, *, numbers: bool
) -> Output:
    if value is None:
        return without_pictures(value)
    numbers = numbers and not (shows_no_pictures(name) or (name in LATENTS and not main))
    if main and numbers:
        return _main(name, value, read, inside)
    return _value(value, inside, name, numbers=numbers)


def _without_latents(name: Any, value: Any) -> Any:
    """The value beside one that is exchanged; zeros for what both were decoded from."""
    return _zeros(value) if name in LATENTS else value


def _zeros(value: Any) -> Any:
    """Zeros for an array or tensor, and for each in a list; anything else as it is."""
    if isinstance(value, (list, tuple)):
        return like(value, [_zeros(each) for each in value])
    return zeros_like(value) if is_array(value) else value


def _main(name: str, value: Any, read: Reader | None, inside: Path) -> Output:
    """A value that must show images, or be an empty list."""
    if read is not None:
        return read(value)
    return _video(value, inside) if name in VIDEOS else _images(value, inside)


def _video(value: Any, inside: Path) -> Output:
    """A value in which a list of images, or a batch of them, is one video."""
    if is_array(value):
        return array_output(value, video=True)
    if not isinstance(value, (list, tuple)) or not value:
        return _images(value, inside)
    inside = _deeper(value, inside)
    if any(isinstance(each, (list, tuple)) or _axes(each) > IMAGE_AXES for each in value):
        parts = [_video(each, inside) for each in value]
        return joined(value, parts, lambda changed: like(value, changed))
    return one_video(_images(value, inside[:-1]), value)


def _images(value: Any, inside: Path) -> Output:
    """A value that is an image, an array, a tensor, encoded, or a list of such."""
    if isinstance(value, (list, tuple)):
        inside = _deeper(value, inside)
        parts = [
            one(Absent(), None, lambda _: None) if each is None else _images(each, inside)
            for each in value
        ]
        return joined(value, parts, lambda changed: like(value, changed))
    if is_array(value):
        return array_output(value)
    if isinstance(value, BYTES):
        return _encoded(value)
    found = text_output(value, required=True) if isinstance(value, str) else _value(value, inside)
    return found if found.pieces else _unknown(value)


def _value(value: Any, inside: Path, name: object = None, *, numbers: bool = True) -> Output:
    """A value that need not show images: read if it may, kept if it does not.

    Args:
        value: anything.
        inside: see :data:`Path`.
        name: of the field in which it stands.
        numbers: whether arrays and unknown bytes may be pictures, and not sound or embeddings.
    """
    if isinstance(value, Image.Image):
        return pillow_output(value)
    if isinstance(value, (str, *BYTES)):
        return _file(value, name) if numbers else _known_file(value)
    if isinstance(value, np.void):
        if numbers and _may_be_picture(value.tobytes()):
            _unknown(value)
        return without_pictures(value)
    if _is_plain(value):
        return without_pictures(value)
    if is_array(value):
        return _array(value, inside, numbers=numbers)
    if isinstance(value, os.PathLike):
        return file_output(os.fspath(value), value)
    if numbers and _is_unknown(value):
        _unknown(value)
    items, attributes = items_of(value), attributes_of(value, PICTURES)
    held = without_pictures(value)
    if items or attributes:
        held = _members(value, items, attributes, None, inside, numbers=numbers)
    if isinstance(value, Collection) and not isinstance(value, Mapping):
        return _collection(value, held, inside, name, numbers=numbers)
    return held


def _collection(
    value: Collection[Any], held: Output, inside: Path, name: object, *, numbers: bool
) -> Output:
    """The output that a list, set ... is, whose attributes hold these pictures."""
    inside = _deeper(value, inside)
    parts = [_value(each, inside, name, numbers=numbers) for each in value]
    found = joined(value, parts, lambda changed: like(value, changed))
    if not found.pieces or {*map(id, found.pieces)} <= {*map(id, held.pieces)}:
        return held
    if held.pieces or not isinstance(value, HELD):  # who asks again may get others
        _unknown(value)
    return found


def _is_unknown(value: object) -> bool:
    """Whether this may show pictures, and cannot be read."""
    later = isinstance(value, (Iterator, AsyncIterator, Awaitable, Future))
    if later or hasattr(value, "read") or any(hasattr(type(value), name) for name in ARRAY_LIKE):
        return True
    try:
        view = memoryview(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return view.ndim > 1 or (view.itemsize == 1 and _may_be_picture(view.tobytes()))


def _array(value: Any, inside: Path, *, numbers: bool) -> Output:
    """An array or tensor beside the images."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSUV":
        held = _value(value.tolist(), inside, numbers=numbers)
        return joined(value, [held], lambda _: refuse(value)) if held.pieces else held
    if _is_row_of_bytes(value):
        return _encoded_array(value)
    if not (numbers or _is_bytes_of_colours(value)):
        return without_pictures(value)
    if value.ndim == 2 and min(value.shape) >= SMALLEST_PLANE_PX:
        grey = grey_output(value)
        return without_pictures(value) if isinstance(grey.pictures[0], Unreadable) else grey
    if value.ndim <= 2 or 0 in value.shape:
        return without_pictures(value)
    if sorted(value.shape[-3:])[1] < SMALLEST_EDGE_PX:
        return without_pictures(value)
    return array_output(value)


def _is_row_of_bytes(value: Any) -> bool:
    """Whether an array or tensor holds bytes along one axis, as encoders give a file."""
    return str(value.dtype).endswith("uint8") and sum(edge != 1 for edge in value.shape) <= 1


def _encoded_array(value: Any) -> Output:
    """An array of bytes that may be an encoded image."""
    data = as_numpy(value).tobytes()
    if image_format(data) is None:
        return without_pictures(value)
    return joined(value, [_encoded(data)], lambda changed: bytes_like(value, changed[0]))


def _is_bytes_of_colours(value: Any) -> bool:
    """Whether an array has levels of 8 bits, and an axis of red, green and blue."""
    colours = value.ndim > 2 and (value.shape[-1] in (3, 4) or value.shape[-3] == 3)
    return colours and str(value.dtype).endswith("uint8")


def _file(value: str | bytes | bytearray | memoryview, name: object) -> Output:
    """A text, or bytes, that may be an encoded image."""
    if isinstance(value, str):
        return text_output(value, name)
    return _encoded(value) if _may_be_picture(bytes(value)) else without_pictures(value)


def _known_file(value: str | bytes | bytearray | memoryview) -> Output:
    """The same where sound or text is expected: what is no image in a known format is that."""
    try:
        if isinstance(value, str):
            return text_output(value)
        return _encoded(value) if image_format(bytes(value)) else without_pictures(value)
    except UnsupportedOutputError:
        return without_pictures(value)


def _encoded(value: bytes | bytearray | memoryview) -> Output:
    """Bytes that are an encoded image."""
    data = bytes(value)
    picture = read_encoded(data)
    return one(
        picture, value, lambda image: type(value)(encoded_like(image.resize(picture.size), data))
    )


def _may_be_picture(data: bytes) -> bool:
    """Whether bytes are an image, or something else than text or sound."""
    if image_format(data) is not None:
        return True
    if len(data) < SMALLEST_PICTURE_BYTES or data.startswith(SOUND):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return not CONTROL.isdisjoint(data)


def _is_value(value: object) -> bool:
    """Whether this is an image or a list of such, rather than something with fields."""
    return isinstance(value, (Image.Image, list, *BYTES)) or is_array(value) or _is_plain(value)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, PLAIN)


def _axes(value: object) -> int:
    return int(value.ndim) if is_array(value) else 0  # type: ignore[attr-defined]


def _deeper(value: object, inside: Path) -> Path:
    """The containers around what this one holds."""
    if any(value is one for one in inside) or len(inside) == DEEPEST:
        raise UnsupportedOutputError(
            f"an output of type {type(value).__name__} holds itself, or more than {DEEPEST} "
            "containers inside each other; return a list of images"
        )
    return (*inside, value)


def _required(output: Any, found: Output) -> Output:
    """An output that must show something."""
    return found if found.pieces else _unknown(output)


def _unknown(value: object) -> NoReturn:
    raise UnsupportedOutputError(
        f"memguard found no images in an output of type {type(value).__name__}; return Pillow "
        "images, arrays, tensors or encoded images, bare, first in a tuple, or as `images`"
    )
