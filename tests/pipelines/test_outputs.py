"""Taking outputs apart and putting them together again: every shape that a callable may return."""

from __future__ import annotations

import ctypes
import dataclasses
import io
import json
from array import array
from base64 import b64encode, encodebytes
from collections import UserList, namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from memguard import Match, Verdict
from memguard.errors import UnsupportedOutputError
from memguard.pipelines.outputs import find_images
from memguard.pipelines.pictures import Absent, Output, Unreadable, Video
from memguard.pipelines.placeholder import GREY

SIZE = 16
BLANK = Image.new("RGB", (1, 1), (GREY, GREY, GREY))


def picture(seed: int) -> Image.Image:
    return Image.fromarray(levels(seed))


def levels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def batch() -> np.ndarray:
    """Two images as floats in [0, 1], shape (2, h, w, 3)."""
    return np.stack([levels(0), levels(1)]).astype(np.float32) / 255


def channels_first(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).movedim(-1, -3)


@dataclass
class Answer:
    images: Any
    seed: int = 7


@dataclass(frozen=True)
class FrozenAnswer:
    images: Any
    seed: int = 7


class SlottedAnswer:
    __slots__ = ("images",)

    def __init__(self, images: Any) -> None:
        self.images = images


class AttributeDict(dict):
    """A mapping whose items are attributes too, kept apart (as in diffusers' outputs)."""

    def __init__(self, **items: Any) -> None:
        super().__init__(items)
        self.images = items["images"]


class NamedList(list):
    """A list that has attributes too."""

    def __init__(self, values: Any) -> None:
        super().__init__(values)
        self.name = "previews"


class Lazy(Sequence):
    """Images that are made when they are asked for."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __len__(self) -> int:
        return 1

    def __getitem__(self, position: int) -> Image.Image:
        return picture(range(self._seed, self._seed + 1)[position])


NamedAnswer = namedtuple("NamedAnswer", "images seed")
Pair = namedtuple("Pair", "pictures seed")


def of_items(images: Any) -> dict[str, Any]:
    return {"seed": 7, "images": images}


CONTAINERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "bare": (lambda images: images, lambda output: output),
    "dict": (of_items, lambda output: output["images"]),
    "object": (Answer, lambda output: output.images),
    "frozen dataclass": (FrozenAnswer, lambda output: output.images),
    "slots": (SlottedAnswer, lambda output: output.images),
    "namespace": (lambda images: SimpleNamespace(images=images), lambda output: output.images),
    "tuple": (lambda images: (images, None), lambda output: output[0]),
    "namedtuple with images": (lambda images: NamedAnswer(images, 7), lambda output: output.images),
    "namedtuple": (lambda images: Pair(images, 7), lambda output: output.pictures),
    "attribute dict, item": (
        lambda images: AttributeDict(images=images),
        lambda output: output["images"],
    ),
    "attribute dict, attribute": (
        lambda images: AttributeDict(images=images),
        lambda output: output.images,
    ),
}

VALUES: dict[str, Callable[[], Any]] = {
    "list": lambda: [picture(0), picture(1)],
    "tuple": lambda: (picture(0), picture(1)),
    "nested": lambda: [[picture(0)], [picture(1)]],
    "np": batch,
    "uint8": lambda: np.stack([levels(0), levels(1)]),
    "pt": lambda: channels_first(batch()),
    "arrays": lambda: list(batch()),
    "tensors": lambda: list(channels_first(batch())),
}


def flat(value: Any) -> list[np.ndarray]:
    """Every image of a value as an array, in order."""
    if isinstance(value, (list, tuple)):
        return [image for each in value for image in flat(each)]
    if isinstance(value, Image.Image):
        return [np.asarray(value)]
    return list(np.asarray(value)) if value.ndim == 4 else [np.asarray(value)]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("container", CONTAINERS)
def test_one_image_is_exchanged_and_nothing_else_changes(container: str, value: str) -> None:
    pack, unpack = CONTAINERS[container]
    original = pack(VALUES[value]())
    output = find_images(original)
    assert len(output.pictures) == len(output.pieces) == 2
    for seed, seen in enumerate(output.pictures):
        assert np.array_equal(np.asarray(seen), levels(seed))

    changed = output.replaced({1: output.rendered(1, BLANK)})

    assert type(changed) is type(original)
    assert type(unpack(changed)) is type(unpack(original))
    kept, blank = flat(unpack(changed))
    before = flat(unpack(original))
    assert np.array_equal(kept, before[0])
    assert len(np.unique(blank)) == 1
    assert (blank.shape, blank.dtype) == (before[1].shape, before[1].dtype)
    assert np.array_equal(before[1], flat(VALUES[value]())[1]), "the pipeline's own object changed"


@pytest.mark.parametrize("container", CONTAINERS)
def test_where_nothing_is_exchanged_the_output_is_the_very_same(container: str) -> None:
    original = CONTAINERS[container][0](VALUES["list"]())
    assert find_images(original).replaced({}) is original


def test_what_lies_beside_the_images_is_kept() -> None:
    output = find_images(of_items([picture(0)]))
    assert output.replaced({0: picture(1)})["seed"] == 7
    output = find_images(([picture(0), picture(1)], [False, True], "a prompt"))
    assert output.replaced({0: picture(2)})[1:] == ([False, True], "a prompt")


def test_an_image_and_its_seed() -> None:
    output = find_images((picture(0), 7))
    assert output.replaced({0: picture(1)}) == (picture(1), 7)


@pytest.mark.parametrize(
    "pack",
    [
        lambda left, right: (left, right),
        lambda left, right: ([left], [right, None][:1]),
        lambda left, right: {"images": [left], "upscaled": right},
        lambda left, right: {"images": left, "views": {0: 1}, "more": [right]},
    ],
)
@pytest.mark.parametrize("kind", [picture, lambda seed: levels(seed).astype(np.float32) / 255])
def test_images_beside_the_images_are_found_too(pack: Any, kind: Any) -> None:
    output = find_images(pack(kind(0), kind(1)))
    assert np.array_equal(np.asarray(output.pictures[1]), levels(1))
    changed = find_images(output.replaced({1: output.rendered(1, BLANK)}))
    assert len(np.unique(np.asarray(changed.pictures[1]))) == 1
    assert np.array_equal(np.asarray(changed.pictures[0]), levels(0))


@pytest.mark.parametrize("other", ["a path.png", 7, iter([picture(0)])])
def test_images_mixed_with_something_else_are_refused(other: Any) -> None:
    with pytest.raises(UnsupportedOutputError, match=type(other).__name__):
        find_images([picture(0), other])


@pytest.mark.parametrize("pack", [pack for pack, _ in CONTAINERS.values()])
def test_none_in_a_batch_stays_in_its_place(pack: Any) -> None:
    original = pack([picture(0), None, picture(1)])
    output = find_images(original)
    assert output.pictures[1] == Absent()
    changed = find_images(output.replaced({2: picture(2)}))
    assert changed.pieces == [picture(0), None, picture(2)]


def test_none_in_a_list_beside_the_images_is_kept() -> None:
    output = find_images(([picture(0)], [picture(1), None]))
    assert output.pieces == [picture(0), picture(1)]
    assert output.replaced({1: picture(2)}) == ([picture(0)], [picture(2), None])


class FixedMapping(Mapping):
    """A mapping that can be copied and not changed."""

    def __init__(self, **items: Any) -> None:
        self._items = items

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class ReadOnly:
    def __init__(self, image: Image.Image) -> None:
        self._image = image

    @property
    def images(self) -> list[Image.Image]:
        return [self._image]


@pytest.mark.parametrize(
    "output",
    [
        FixedMapping(images=[picture(0)]),
        MappingProxyType({"images": [picture(0)]}),
        ReadOnly(picture(0)),
    ],
    ids=lambda output: type(output).__name__,
)
def test_an_output_whose_images_cannot_be_exchanged_is_refused(output: Any) -> None:
    apart = find_images(output)
    with pytest.raises(UnsupportedOutputError, match="return a list of images"):
        apart.replaced({0: apart.rendered(0, BLANK)})


@pytest.mark.parametrize(
    "nothing",
    [
        None,
        "a path.png",
        7,
        {"seed": 7},
        object(),
        iter([picture(0)]),
        (None, 7),
        SimpleNamespace(a=1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_output_without_images_is_refused(nothing: Any) -> None:
    with pytest.raises(UnsupportedOutputError, match="found no images"):
        find_images(nothing)


@pytest.mark.parametrize("nothing", [[], (), {"images": []}])
def test_an_empty_list_holds_no_images_and_needs_no_check(nothing: Any) -> None:
    assert find_images(nothing).pictures == []
    assert find_images(nothing).replaced({}) is nothing


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16", "F"]
)
def test_a_placeholder_has_the_mode_and_size_and_nothing_of_the_image(mode: str) -> None:
    image = Image.new(mode, (20, 12))
    image.info["prompt"] = "a secret"
    blank = find_images([image]).rendered(0, BLANK)
    assert (blank.mode, blank.size) == (mode, (20, 12))
    assert "prompt" not in blank.info
    if mode not in ("F", "I;16", "LAB"):  # which Pillow turns into RGB in another way
        grey = np.asarray(blank.convert("RGB"), dtype=float).mean(axis=(0, 1))
        assert np.abs(grey - GREY).max() < 32


def test_tensors_keep_dtype_and_need_no_gradient_care() -> None:
    for tensor in (
        torch.rand(2, 3, SIZE, SIZE, dtype=torch.bfloat16),
        torch.rand(2, 3, SIZE, SIZE, requires_grad=True),
    ):
        output = find_images(tensor)
        changed = output.replaced({0: output.rendered(0, BLANK)})
        assert changed.dtype == tensor.dtype
        assert torch.equal(changed[1], tensor[1])
    with torch.inference_mode():
        tensor = torch.rand(2, 3, SIZE, SIZE)
    output = find_images(tensor)
    assert torch.equal(output.replaced({0: output.rendered(0, BLANK)})[1], tensor[1])


def encoded(seed: int) -> bytes:
    stream = io.BytesIO()
    picture(seed).save(stream, "PNG")
    return stream.getvalue()


HIDDEN: dict[str, Callable[[Any], Any]] = {
    "mapping in a mapping": lambda it: {"images": [picture(0)], "extra": {"x": it}},
    "mapping in a tuple": lambda it: ([picture(0)], {"upscaled": [it]}),
    "object in a tuple": lambda it: ([picture(0)], Answer([it])),
    "object first in a tuple": lambda it: (Answer([picture(0), it]), 7),
    "object under another name": lambda it: ([picture(0)], SimpleNamespace(preview=it)),
    "slots in a list": lambda it: ([picture(0)], [SlottedAnswer([it])]),
    "private attribute": lambda it: SimpleNamespace(images=[picture(0)], _original=it),
    "attribute beside items": lambda it: with_attribute(AttributeDict(images=[picture(0)]), it),
    "no field of a known name": lambda it: {"first": picture(0), "second": it},
    "a list with attributes": lambda it: {"images": [picture(0)], "more": NamedList([it])},
    "sound": lambda it: {"images": [picture(0)], "audio": {"cover": it}},
    "text": lambda it: {"images": [picture(0)], "text": [it]},
    "values of a state": lambda it: SimpleNamespace(values={"images": [picture(0)], "image": it}),
}


def with_attribute(output: Any, value: Any) -> Any:
    output.extra = value
    return output


NUMBERS = ("pt", "video")
"""Kinds that are sound or embeddings where the name says so."""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (place, kind)
        for place in HIDDEN
        for kind in ("pil", "np", "pt", "video", "png")
        if not (place in ("sound", "text") and kind in NUMBERS)
    ],
)
def test_an_image_in_any_place_is_found_and_exchanged(place: str, kind: str) -> None:
    hidden = {
        "pil": lambda: picture(1),
        "np": lambda: levels(1),
        "pt": lambda: channels_first(batch()[1]),
        "video": lambda: channels_first(batch()[1])[None, None].repeat(1, 3, 1, 1, 1),
        "png": lambda: encoded(1),
    }[kind]()
    original = HIDDEN[place](hidden)
    output = find_images(original)
    assert len(output.pictures) == 2
    assert np.array_equal(np.asarray(output.pictures[0]), levels(0))
    changed = find_images(output.replaced({1: output.rendered(1, BLANK)}))
    assert np.array_equal(np.asarray(changed.pictures[0]), levels(0))
    assert [len(np.unique(image)) for image in shown(changed)[1:]] == [1] * (
        3 if kind == "video" else 1
    )
    assert type(changed.pieces[1]) is type(output.pieces[1])
    (again, *_) = shown(find_images(original))[1:]
    assert np.array_equal(again, levels(1)), "the pipeline's own object changed"


def shown(output: Output) -> list[np.ndarray]:
    """Every image and frame."""
    return [
        np.asarray(image)
        for one in output.pictures
        for image in (one.frames.pictures if isinstance(one, Video) else [one])
    ]


def withheld(original: Any) -> Any:
    output = find_images(original)
    return output.replaced({1: output.rendered(1, BLANK)})


class Elsewhere:
    """An array of another library."""

    __array__ = None


@pytest.mark.parametrize(
    "unreadable",
    [
        np.zeros((2, 4, 16, 16), np.float32),
        torch.zeros(2, 5, 16, 16),
        torch.zeros(1, 5, 4, 16, 16),
        torch.zeros(2, 3, 3, 3, 16, 16),
        torch.zeros(3, 16, 16, dtype=torch.complex64),
        torch.zeros(3, 16, 16, device="meta"),
        np.array([picture(1), None], dtype=object),
        iter([picture(1)]),
        (picture(seed) for seed in (1,)),
        io.BytesIO(encoded(1)),
        encoded(1)[:300],
        b"\0\0\0 ftypisom" + b"\0" * 300,
        bytes(range(256)) * 4,
        bytes(levels(1) // 2),
        array("B", encoded(1)),
        (ctypes.c_char * 300).from_buffer_copy(encoded(1)[:300]),
        np.void(encoded(1)),
        np.bytes_(encoded(1)[:300]),
        {encoded(1): "its name"},
        Lazy(1),
        Future(),
        f'<img src="data:image/png;base64,{b64encode(encoded(1)).decode()}">',
        json.dumps({"prompt": "a cat", "b64": b64encode(encoded(1)).decode()}),
        f"A mail:\n{encodebytes(encoded(1)).decode()}",
        Elsewhere(),
        Image.new("RGB", (0, 8)),
    ],
    ids=lambda value: f"{type(value).__name__}{len(value) if isinstance(value, bytes) else ''}",
)
def test_what_may_show_images_and_cannot_be_read_is_refused(unreadable: Any) -> None:
    for original in (([picture(0)], unreadable), {"images": picture(0), "more": {"x": unreadable}}):
        with pytest.raises(UnsupportedOutputError):
            withheld(original)


@pytest.mark.parametrize("kind", [str, Path])
def test_the_file_that_a_path_names_is_checked(tmp_path: Path, kind: Any) -> None:
    """It may be shown, and cannot be exchanged."""
    file = kind(tmp_path / "a.png")
    picture(1).save(file)
    original = {"images": [picture(0)], "saved": [file]}
    output = find_images(original)
    assert np.array_equal(np.asarray(output.pictures[1]), levels(1))
    assert output.replaced({0: picture(2)})["saved"] == [file]
    with pytest.raises(UnsupportedOutputError):
        withheld(original)
    Path(file).write_bytes(b"no image")
    assert isinstance(find_images(original).pictures[1], Unreadable)


def test_a_list_that_is_another_attribute_too_is_read_once() -> None:
    output = find_images({"images": [picture(0)], "more": UserList([picture(1)])})
    assert len(output.pieces) == 2
    changed = output.replaced({1: output.rendered(1, BLANK)})
    assert isinstance(changed["more"], UserList)
    assert len(np.unique(changed["more"][0])) == 1


@pytest.mark.parametrize("frames", [1, 3])
def test_few_frames_of_a_tensor_are_no_channels(frames: int) -> None:
    """Channels last: (1, frames, h, w, 3) is no video of h frames of w x 3 pixels."""
    video = torch.from_numpy(np.stack([levels(1)] * frames))[None]
    (found,) = find_images(video).pictures
    assert [np.array_equal(each, levels(1)) for each in found.frames.pictures] == [True] * frames


def test_an_output_that_holds_itself_is_refused() -> None:
    answer = SimpleNamespace(images=[picture(0)])
    answer.self = {"answer": answer}
    with pytest.raises(UnsupportedOutputError, match="holds itself"):
        find_images(answer)


@pytest.mark.parametrize(
    "beside",
    [
        [False, None],
        "a prompt",
        b"RIFF....WAVE" + bytes(range(256)) * 4,
        b"OggS" + bytes(range(256)) * 4,
        ("a prompt " * 99).encode(),
        "a prompt of data:images/" * 20,
        "cat.png",
        Path("cat.png"),
        array("h", range(300)),
        np.void(bytes(8)),
        torch.zeros(1, 2, 48_000),
        torch.randn(2, 768),
        100 * torch.randn(77, 768),
        np.zeros((12, 4, 4)),
        torch.Generator(),
        torch.nn.Conv2d(3, 3, 32),
        {"seed": 7, "scores": np.zeros(3)},
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_shows_nothing_is_kept(beside: Any) -> None:
    output = find_images(([picture(0)], beside))
    assert len(output.pieces) == 1
    assert output.replaced({0: picture(1)})[1] is beside


def test_sound_and_embeddings_are_known_by_their_names() -> None:
    sound, embeds = torch.zeros(1, 3, 48, 100), torch.zeros(2, 77, 768)
    output = find_images({"images": [picture(0)], "audio": sound, "prompt_embeds": embeds})
    changed = output.replaced({0: picture(1)})
    assert changed["audio"] is sound
    assert changed["prompt_embeds"] is embeds


def test_latents_beside_a_withheld_image_are_zeros() -> None:
    original = {"latents": torch.ones(1, 4, 8, 8), "images": [picture(0)]}
    output = find_images(original)
    assert len(output.pieces) == 1
    assert not output.replaced({0: picture(1)})["latents"].any()
    assert original["latents"].all()
    assert output.replaced({}) is original


def test_the_verdicts_of_another_guard_show_nothing() -> None:
    match = Match("a", "https://images.example/a.png", "as is", {}, thumbnail=encoded(1))
    output = SimpleNamespace(
        images=[picture(0)], memorization=[Verdict("memorized", 1, (), (match,))]
    )
    assert len(find_images(output).pictures) == 1


def test_latents_in_a_list_are_zeros_too() -> None:
    kept = {"latents": [np.ones((4, 8, 8)), (torch.ones(4, 8, 8), "8x")], "images": [picture(0)]}
    (first, (second, size)) = find_images(kept).replaced({0: picture(1)})["latents"]
    assert not first.any()
    assert not second.any()
    assert size == "8x"


@pytest.mark.parametrize("shape", [(-1,), (1, -1), (-1, 1)])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
@pytest.mark.parametrize("name", ["preview", "audio"])
def test_an_encoded_image_as_an_array_is_found(name: str, kind: Any, shape: Any) -> None:
    """As OpenCV and torchvision encode."""
    row = kind(np.frombuffer(encoded(1), np.uint8).copy()).reshape(shape)
    output = find_images({"images": [picture(0)], name: row})
    assert len(output.pieces) == 2
    changed = output.replaced({1: output.rendered(1, BLANK)})[name]
    assert type(changed) is type(row)
    assert changed.ndim == row.ndim
    shown = Image.open(io.BytesIO(np.asarray(changed).tobytes()))
    assert np.array_equal(np.asarray(shown), np.asarray(BLANK.resize((SIZE, SIZE))))


def test_other_bytes_in_an_array_are_kept() -> None:
    ids = np.arange(200, dtype=np.uint8)
    assert find_images({"images": [picture(0)], "ids": ids}).replaced({0: picture(1)})["ids"] is ids


def test_the_images_come_first_in_an_object() -> None:
    output = find_images({"preview": picture(1), "images": [picture(0)]})
    assert output.pieces == [picture(0), picture(1)]


def test_a_file_of_several_pictures_is_refused(tmp_path: Any) -> None:
    picture(0).save(tmp_path / "a.gif", save_all=True, append_images=[picture(1)])
    with pytest.raises(UnsupportedOutputError, match="animation"):
        find_images([Image.open(tmp_path / "a.gif")])


def test_an_output_is_a_plain_frozen_value() -> None:
    output = find_images([picture(0)])
    with pytest.raises(dataclasses.FrozenInstanceError):
        output.pieces = []
