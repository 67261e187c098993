"""Images and videos as arrays and tensors of numbers: which axis is which, and placeholders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.levels import WHITE_8_BIT, Levels, levels
from memguard.pipelines.pictures import Output, Shown, Unreadable, Video, one

VIDEO_AXES = 5
"""Axes of a batch of videos."""

UNKNOWN = Levels(0, 1)
"""Levels of a placeholder for an unreadable image of floats."""


def is_array(value: object) -> bool:
    """Whether this is a NumPy array or a torch tensor."""
    return isinstance(value, np.ndarray) or is_tensor(value)


def is_tensor(value: object) -> bool:
    """Whether this is a torch tensor; torch is not imported."""
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")


def array_output(value: Any, *, video: bool = False) -> Output:
    """The output that an array or tensor is.

    Args:
        value: an image of 3 axes, a batch of images of 4, or a batch of videos of 5. Where several
            orders of axes are possible, arrays have channels last and tensors first.
        video: a batch of images is one video.

    Raises:
        UnsupportedOutputError: the shape or the dtype is none of images.
    """
    if value.ndim == VIDEO_AXES:
        return _videos(value)
    batch = ImageBatch.of(value)
    if value.ndim == 3:
        return one(batch[0], value, lambda image: _like(value, batch.shows(0, image)))
    images = batch_output(
        value, batch, lambda position, image: _like(value[position], batch.shows(position, image))
    )
    return one_video(images, value) if video else images


def grey_output(value: Any) -> Output:
    """The output that an array of two axes is: a grey image."""
    rows = value[..., None]
    batch = ImageBatch.of(rows)
    return one(batch[0], value, lambda image: _like(rows, batch.shows(0, image))[..., 0])


def batch_output(
    batch: Any, pictures: Sequence[Shown], rendered: Callable[[int, Image.Image], Any]
) -> Output:
    """The output that an array or tensor with one piece per row is."""

    def replaced(new: Mapping[int, Any]) -> Any:
        if not new:
            return batch
        changed = clone(batch)
        for position, piece in new.items():
            changed[position] = piece
        return changed

    return Output(pictures, list(batch), rendered, replaced)


def clone(value: Any) -> Any:
    """A copy of an array or tensor."""
    return value.copy() if isinstance(value, np.ndarray) else value.clone()


def zeros_like(value: Any) -> Any:
    """Zeros in the shape of an array or tensor."""
    changed = clone(value)
    changed[...] = 0
    return changed


def bytes_like(value: Any, data: bytes) -> Any:
    """Bytes as an array or tensor like one that holds bytes along one axis."""
    row = np.frombuffer(data, np.uint8).copy()
    shape = [-1 if edge != 1 else 1 for edge in value.shape]
    if isinstance(value, np.ndarray):
        return row.reshape(shape)
    import torch

    return torch.from_numpy(row).reshape(shape).to(value.device)


class ImageBatch(Sequence[Shown]):
    """A batch of images as numbers; each becomes a Pillow image when it is asked for.

    Args:
        images: shape (n, h, w, c).
        channels_first: whether the batch has (n, c, h, w), in which placeholders are given.
    """

    def __init__(self, images: NDArray[Any], *, channels_first: bool) -> None:
        self._images = images
        self._channels_first = channels_first
        self._levels = levels(images)

    @classmethod
    def of(cls, value: Any) -> ImageBatch:
        """Read an array or tensor of an image or of a batch of images.

        Raises:
            UnsupportedOutputError: see :func:`array_output`.
        """
        if value.ndim not in (3, 4) or 0 in value.shape:
            raise UnsupportedOutputError(
                f"an array of shape {tuple(value.shape)} is neither an image nor a batch of images"
            )
        images = as_numpy(value if value.ndim == 4 else value[None])
        first, last = images.shape[1] in (1, 3), images.shape[3] in (1, 3, 4)
        if not (first or last):
            raise UnsupportedOutputError(
                f"an array of shape {tuple(value.shape)} has no axis of 1 or 3 channels; are these "
                'latents? Call the pipeline with output_type "pil", "np" or "pt"'
            )
        channels_first = first and (is_tensor(value) or not last)
        if channels_first:
            images = images.transpose(0, 2, 3, 1)
        return cls(images, channels_first=channels_first)

    def __len__(self) -> int:
        return len(self._images)

    @overload
    def __getitem__(self, position: int) -> Shown: ...

    @overload
    def __getitem__(self, position: slice) -> list[Shown]: ...

    def __getitem__(self, position: int | slice) -> Shown | list[Shown]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        found = self._levels[position]
        if isinstance(found, Unreadable):
            return found
        image = self._images[position]
        unit = (image.astype(np.float32) - found.black) / (found.white - found.black)
        shown = np.rint(np.clip(unit, 0, 1) * WHITE_8_BIT).astype(np.uint8)
        return Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else shown)

    def shows(self, position: int, image: Image.Image) -> NDArray[np.float64]:
        """The levels that show this RGB image, in the shape of the piece at this position."""
        height, width, channels = self._images.shape[1:]
        mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
        unit = np.asarray(image.resize((width, height)).convert(mode), dtype=np.float64)
        unit = unit.reshape(height, width, channels) / WHITE_8_BIT
        found = self._levels[position]
        if isinstance(found, Unreadable):
            integers = self._images.dtype.kind in "ui"
            found = Levels(0, WHITE_8_BIT) if integers else UNKNOWN
        shown = found.black + (found.white - found.black) * unit
        if self._images.dtype.kind in "ui":
            shown = np.rint(shown)
        return shown.transpose(2, 0, 1) if self._channels_first else shown


def as_numpy(value: Any) -> NDArray[Any]:
    """The numbers of an array or tensor.

    Raises:
        UnsupportedOutputError: a tensor that cannot be read.
    """
    if isinstance(value, np.ndarray):
        return value
    try:
        plain = value.detach().cpu()
        numbers: NDArray[Any] = (plain.float() if plain.is_floating_point() else plain).numpy()
    except Exception as error:  # sparse, quantised, on the meta device ...
        raise UnsupportedOutputError(
            f"a tensor of {value.dtype} on {value.device} cannot be read: {error}"
        ) from error
    return numbers


def _like(piece: Any, shown: NDArray[Any]) -> Any:
    """The levels as an array or tensor like this piece."""
    changed = clone(piece)
    if isinstance(changed, np.ndarray):
        changed[...] = shown
        return changed
    import torch

    changed[...] = torch.from_numpy(np.ascontiguousarray(shown)).to(changed.device, changed.dtype)
    return changed


def one_video(frames: Output, piece: Any) -> Output:
    """The output that one video is."""
    return one(Video(frames), piece, frames.all_rendered)


def _videos(value: Any) -> Output:
    """A batch of videos, whose channels are axis 2, 1 or last."""
    expected = (2, 1, 4) if is_tensor(value) else (4, 2, 1)
    counts = {1: (1, 3), 2: (1, 3), 4: (1, 3, 4)}
    possible = [one for one in expected if value.shape[one] in counts[one]]

    def shorter_edge(axis: int) -> int:
        """Of a frame; few frames and few channels are told apart by it."""
        return min(map(int, [*value.shape[1:axis], *value.shape[axis + 1 :]][-2:]))

    axis = max(possible, key=shorter_edge, default=None)
    if axis is None or 0 in value.shape:
        raise UnsupportedOutputError(
            f"an array of shape {tuple(value.shape)} is no batch of videos: none of its axes has 1 "
            'or 3 channels. Call the pipeline with output_type "pil", "np" or "pt"'
        )
    home = 2 if is_tensor(value) else 4
    move = np.moveaxis if isinstance(value, np.ndarray) else _moved

    def frames(video: Any) -> Output:
        """The axes of one video are one fewer."""
        found = array_output(move(video, axis - 1, home - 1))

        def replaced(new: Mapping[int, Any]) -> Any:
            return move(found.replaced(new), home - 1, axis - 1)

        return Output(found.pictures, found.pieces, found.rendered, replaced)

    videos = [Video(frames(video)) for video in value]
    return batch_output(
        value, videos, lambda position, image: videos[position].frames.all_rendered(image)
    )


def _moved(tensor: Any, source: int, target: int) -> Any:
    return tensor.movedim(source, target)
