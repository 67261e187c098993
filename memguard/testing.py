"""For the tests of plug-ins: contract checks, example pictures, a small index, a fake pipeline.

def test_colours_is_a_descriptor() -> None:
    check_descriptor(Colours())
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image

from memguard.descriptors.base import Descriptor, Metric, distances
from memguard.errors import UnreadableImageError
from memguard.index import Index
from memguard.index.open import open_index
from memguard.lifecycle import build_index
from memguard.sources.base import Item, Source
from memguard.vision.decode import decode
from memguard.vision.picture import Picture
from memguard.vision.transforms import dead_leaves

SIZE = (160, 120)
"""Width and height of an example picture, in pixels."""

SHRUNK = (120, 90)
"""Of a copy that any descriptor must find nearer than another picture."""

CLOSE = 1e-3
"""How far components may differ between one image and the same in a batch, and a length from 1."""


def pictures(count: int) -> list[Image.Image]:
    """Different random pictures with the statistics of photographs, always the same ones."""
    return [dead_leaves(SIZE, np.random.default_rng(seed)) for seed in range(count)]


def small_index(
    output: str | os.PathLike[str],
    images: Sequence[Image.Image] | None = None,
    weights: Mapping[str, str] | None = None,
) -> Index:
    """Build and open an index of a few images, in seconds.

    Args:
        output: the index directory; the images are written beside it.
        images: by default 8 of :func:`pictures`.
        weights: as for :func:`memguard.build_index`; by default no learned descriptor. A plug-in's
            descriptor without weights is named so: ``{"colours": ""}``.

    Raises:
        BuildError, ConfigurationError, WeightsError: see :func:`memguard.build_index`.
    """
    folder = Path(f"{os.fspath(output)}-images")
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(pictures(8) if images is None else images):
        image.save(folder / f"{number:04}.png")
    build_index(folder, output, weights=weights or {}, calibrate=False, workers=0)
    return open_index(output)


def fake_pipeline(images: Sequence[Image.Image]) -> Callable[..., Any]:
    """A pipeline in the manner of ``diffusers`` that makes these images in turn, again and again.

    Its output has ``images``, as Pillow images or, with ``output_type="np"``, as an array.
    """
    made = 0

    def pipeline(
        prompt: str,  # noqa: ARG001
        num_images_per_prompt: int = 1,
        output_type: Literal["pil", "np"] = "pil",
    ) -> Any:
        nonlocal made
        batch = [images[(made + i) % len(images)].copy() for i in range(num_images_per_prompt)]
        made += num_images_per_prompt
        if output_type == "np":
            return SimpleNamespace(images=np.stack([np.asarray(one) / 255 for one in batch]))
        return SimpleNamespace(images=batch)

    return pipeline


def check_descriptor(descriptor: Descriptor) -> None:
    """Check what memguard relies on in a descriptor.

    Raises:
        AssertionError: something does not hold; the message says what.
    """
    spec, name = descriptor.spec, type(descriptor).name
    _hold(spec.name == name, f"spec.name is {spec.name!r}, and the class's name {name!r}")
    _hold(spec.metric in get_args(Metric), f"unknown metric {spec.metric!r}")
    _hold(spec.dimension > 0, f"dimension {spec.dimension}")
    _hold(
        spec.metric != "hamming" or spec.dimension % 8 == 0,
        f"a hamming descriptor of {spec.dimension} bits does not fill its bytes",
    )
    _hold(descriptor.neighbours >= 1, "it proposes no neighbours")
    expected = [name, f"{name}_normalised"] if descriptor.score_normalised else [name]
    signals = [signal.name for signal in descriptor.signals]
    _hold(sorted(signals) == sorted(expected), f"its signals are {signals}, not {expected}")
    if not descriptor.learned:
        _hold(type(descriptor)().spec == spec, "a new one has another spec")

    originals = pictures(4)
    blank = Image.new("RGB", SIZE, "white")
    images = [*originals, *(one.resize(SHRUNK) for one in originals), blank]
    prepare = pickle.loads(pickle.dumps(descriptor.prepare))  # noqa: S301
    prepared = [prepare(Picture(one)) for one in images]
    vectors = descriptor.describe(prepared)
    dtype = np.uint8 if spec.metric == "hamming" else np.float32
    shape = (len(images), spec.width)
    _hold(vectors.shape == shape, f"vectors have the shape {vectors.shape}, not {shape}")
    _hold(vectors.dtype == dtype, f"vectors are {vectors.dtype}, not {np.dtype(dtype)}")
    if spec.metric == "cosine":
        lengths = np.linalg.norm(vectors, axis=1)
        unit = (np.abs(lengths - 1) < CLOSE) | (lengths == 0)
        _hold(bool(unit.all()), f"vectors have the lengths {lengths.round(3).tolist()}, not 1 or 0")
    for one, together in zip(prepared, vectors):
        (alone,) = descriptor.describe([one])
        apart = float(distances(spec, alone, together[None])[0]) if together.any() else 0.0
        _hold(apart < CLOSE, f"an image differs by {apart:.3g} from itself in a batch")
    for number in range(len(originals)):
        near = distances(spec, vectors[number + len(originals)], vectors[: len(originals)])
        _hold(
            int(near.argmin()) == number,
            f"a shrunk copy is nearer to another picture: {near.round(4).tolist()}",
        )


def check_source(source: Source) -> None:
    """Check what memguard relies on in a source: order, names, resuming, reading.

    Args:
        source: with at least one image; all of it is read.

    Raises:
        AssertionError: something does not hold; the message says what.
    """
    items = list(source.iterate())
    keys = _keys(items)
    _hold(bool(items), "it has no items")
    _hold(bool(source.name), "it has no name")
    _hold(source.size() in (None, len(items)), f"size() is {source.size()} of {len(items)} items")
    _hold(len({item.uri for item in items}) == len(items), "two items have the same uri")
    _hold(_keys(list(source.iterate())) == keys, "a second iteration gives other items")
    readable = 0
    for number, item in enumerate(items):
        _hold(
            pickle.loads(pickle.dumps(item)).uri == item.uri,  # noqa: S301
            f"{item.uri} cannot be pickled",
        )
        if item.position:
            rest = [one for one in source.iterate(item.position) if not one.again]
            _hold(
                _keys(rest) == keys[number + 1 :],
                f"after the position of {item.uri} come {len(rest)} items, not those that follow",
            )
        if not item.has_pixels:
            readable += 1
            continue
        try:
            decode(item.read())
            readable += 1
        except (OSError, UnreadableImageError):
            continue
    _hold(readable > 0, "none of its items can be read")


def _keys(items: Sequence[Item]) -> list[tuple[str, str]]:
    return [(item.uri, item.state) for item in items]


def _hold(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
