"""What the fields of outputs are called: in ``diffusers``, and by the rest who follow it."""

from __future__ import annotations

import dataclasses
import sys

PICTURES = ("images", "image", "frames", "video", "videos")
"""Fields that must be read, and come first: what cannot be read there is an error."""

VIDEOS = ("frames", "video", "videos")
"""Fields in which a list of images, or a batch of them, is a video."""

LATENTS = ("latents", "latent")
"""Beside images: what these were decoded from. Zeros, wherever a piece beside them is withheld."""

NO_PICTURES = frozenset(
    {"audio", "audios", "sound", "waveform", "text", "texts", "sequences", "embed", "embeds"}
    | {"embedding", "embeddings", "states", "mask", "timesteps", "sigmas", "ids", "generator"}
    | {"action", "c2w"}  # of world models: what was done, and the camera's poses
)
"""Words of names of fields whose arrays and tensors hold no pictures. Images there are checked."""


def shows_no_pictures(name: object) -> bool:
    """Whether a field of this name holds sound, text, embeddings or the like."""
    return isinstance(name, str) and not NO_PICTURES.isdisjoint(name.lower().split("_"))


def fields_of_pipeline(pipeline: object) -> tuple[str, ...]:
    """The names of what a pipeline of ``diffusers`` returns as a tuple (``return_dict=False``).

    They are those of the one class of outputs with pictures in the pipeline's own module; empty
    where there is none, or several.
    """
    members = getattr(sys.modules.get(type(pipeline).__module__), "__dict__", {})
    classes = {
        one
        for name, one in members.items()
        if isinstance(one, type) and name.endswith("Output") and dataclasses.is_dataclass(one)
    }
    found = {tuple(field.name for field in dataclasses.fields(one)) for one in classes}
    found = {names for names in found if not set(names).isdisjoint(PICTURES)}
    return found.pop() if len(found) == 1 else ()
