"""CLIP image embeddings by any ``open_clip`` model.

CLIP is semantic: two photographs of one monument are close, but not copies. It finds candidates
and flags them; it does not block alone.

Weights are named as a pretrained tag of open_clip (``laion2b_s34b_b79k``), a checkpoint file, a
directory in open_clip's own layout (``open_clip_config.json`` and a checkpoint), or
``hf-hub:ORG/NAME``. For a new index the architecture comes first, as in
``ViT-B-32:laion2b_s34b_b79k``; a directory and a ``hf-hub:`` name know their own. Only :func:`pull`
(and so :meth:`Clip.from_weights`) downloads. torch and open_clip are imported when a model is made,
so that the class can be asked for its signals in no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import huggingface_hub
import numpy as np
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import EntryNotFoundError
from numpy.typing import NDArray
from PIL import Image

from memguard.defaults import CLIP_MODEL, CLIP_WEIGHTS
from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.resizing import SquareResize
from memguard.descriptors.weights import absolute, require_fingerprint
from memguard.errors import ConfigurationError, WeightsError
from memguard.files import sha256
from memguard.signal_type import DescriptorSignal, SignalType, Threshold

HUB_PREFIX = "hf-hub:"

NEAR_DUPLICATE = 0.05
"""Cosine distance within which images of LAION are near-duplicates (Webster et al. 2023, "On the
De-duplication of LAION-2B")."""

BATCH_IMAGES = 32
"""Images per forward pass; more gain nothing on a CPU and cost memory."""

FILTERS = {"bilinear": Image.Resampling.BILINEAR}
"""open_clip's interpolations as Pillow filters; all others mean bicubic at inference."""

ANSWER_SECONDS = 10
"""Timeout of asking the hub whether it has a file."""

HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""open_clip's names of weight files, in its order."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights on this machine: ``model`` in open_clip's notation, and their file."""

    model: str
    file: Path
    preprocessing: dict[str, Any]

    @property
    def pretrained(self) -> str | None:
        return None if self.model.startswith("local-dir:") else str(self.file)


class Clip:
    """The normalised image embedding of a CLIP model, float32 unit vectors.

    Args:
        model: an architecture of open_clip, e.g. ``ViT-B-32``; ignored where ``weights`` is a
            directory or a ``hf-hub:`` name, which know their own.
        weights: see the module's text; must be on this machine (:func:`pull` fetches them).
        device: where the model runs; by default the GPU if torch sees one.
        recorded: the spec of an existing index, whose weights these must be. The file is compared
            before it is loaded.

    Raises:
        WeightsError: the weights are not on this machine, are not the index's, or do not fit the
            model.
    """

    name: ClassVar[str] = "clip"
    signals: ClassVar[tuple[SignalType, ...]] = (
        DescriptorSignal(
            "clip",
            "CLIP embedding, what the picture is about: 1 - cosine",
            default=Threshold(similar=NEAR_DUPLICATE, memorized=None),
            may_block=False,
        ),
        DescriptorSignal(
            "clip_normalised",
            "CLIP embedding, less the usual distance of the image to references",
            least=-1,
        ),
    )
    learned: ClassVar[bool] = True
    neighbours: ClassVar[int] = 5
    score_normalised: ClassVar[bool] = True
    describes_windows: ClassVar[bool] = True

    @classmethod
    def from_weights(cls, weights: str) -> Clip:
        """CLIP for a new index; weights that are not on this machine are downloaded.

        Args:
            weights: ``ARCHITECTURE:WEIGHTS``, a directory, or ``hf-hub:ORG/NAME``.

        Raises:
            ConfigurationError: no architecture is named.
            WeightsError: see :class:`Clip`.
        """
        model, location = split(weights)
        pull(model, location)
        return cls(model, absolute(location))

    @classmethod
    def from_spec(cls, spec: DescriptorSpec, weights: str | None = None) -> Clip:
        """The CLIP of an existing index.

        Args:
            spec: what the index records.
            weights: where the weights are now; the architecture may come first.
        """
        moved = weights.removeprefix(f"{spec.model}:") if weights else spec.weights
        return cls(spec.model, moved or "", recorded=spec)

    def __init__(
        self,
        model: str = CLIP_MODEL,
        weights: str = CLIP_WEIGHTS,
        *,
        device: str | None = None,
        recorded: DescriptorSpec | None = None,
    ) -> None:
        import open_clip
        import torch

        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        checkpoint = find(model, weights)
        if checkpoint is None:
            raise WeightsError(missing(model, weights))
        fingerprint = sha256(checkpoint.file)
        if recorded is not None:
            require_fingerprint(recorded, checkpoint.file, fingerprint)
        try:
            self.network = open_clip.create_model(
                checkpoint.model,
                pretrained=checkpoint.pretrained,
                device=self.device,
                force_preprocess_cfg=checkpoint.preprocessing,
                pretrained_text=False,
                weights_only=True,
            ).eval()
        except Exception as error:
            raise WeightsError(
                f"{checkpoint.file} does not load as CLIP {model}: {error}; name the architecture "
                "that the file was made for: --clip ARCHITECTURE, or "
                f'weights={{"clip": "ARCHITECTURE:{checkpoint.file}"}}'
            ) from error
        config = open_clip.get_model_preprocess_cfg(self.network)
        size = config["size"]
        self.mean, self.std = config["mean"], config["std"]
        self.prepare = SquareResize(
            size[0] if isinstance(size, (tuple, list)) else size,
            config.get("resize_mode") or "shortest",
            FILTERS.get(config["interpolation"], Image.Resampling.BICUBIC),
            config.get("fill_color") or 0,
        )
        self.spec = DescriptorSpec(
            name=self.name,
            metric="cosine",
            dimension=self._embed([np.zeros((self.prepare.size, self.prepare.size, 3))]).shape[1],
            model=model,
            preprocessing=f"{self.prepare}, mean {list(self.mean)}, std {list(self.std)}",
            weights=weights,
            weights_sha256=fingerprint,
        )

    def describe(self, prepared: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        batches = range(0, len(prepared), BATCH_IMAGES)
        return np.concatenate(
            [self._embed(prepared[start : start + BATCH_IMAGES]) for start in batches]
        )

    def _embed(self, prepared: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            levels = torch.from_numpy(np.stack(prepared)).to(self.device).permute(0, 3, 1, 2)
            mean, std = (
                torch.tensor(values, device=self.device).view(1, 3, 1, 1)
                for values in (self.mean, self.std)
            )
            pixels = (levels.float() / 255 - mean) / std
            features = self.network.encode_image(pixels, normalize=True)
            return cast("NDArray[np.float32]", features.float().cpu().numpy())


def split(weights: str) -> tuple[str, str]:
    """The model and the location in a name of weights for a new index.

    Raises:
        ConfigurationError: it lacks the architecture.
    """
    if weights.startswith(HUB_PREFIX):
        return weights, weights
    if Path(weights).is_dir():
        return Path(weights).resolve().name, weights
    model, _, location = weights.partition(":")
    if not (model and location):
        raise ConfigurationError(
            f"the CLIP weights {weights!r} name no architecture: write ARCHITECTURE:WEIGHTS, like "
            f"{CLIP_MODEL}:{CLIP_WEIGHTS}, a directory, or {HUB_PREFIX}ORG/NAME"
        )
    return model, location


def find(model: str, weights: str) -> Checkpoint | None:
    """The checkpoint on this machine that ``weights`` names; never asks the network.

    Raises:
        WeightsError: ``weights`` is neither a file, a directory, a hub name nor a tag.
    """
    path = Path(weights)
    if path.is_file():
        return Checkpoint(model, path, {})
    if path.is_dir():
        return _directory(path)
    if weights.startswith(HUB_PREFIX):
        described = _cached(weights.removeprefix(HUB_PREFIX), "open_clip_config.json")
        return _directory(described.parent) if described else None
    config = _tag(model, weights)
    repo, names = _hub_address(config)
    for name in names:
        file = _cached(repo, name)
        if file:
            return Checkpoint(model, file, config)
    return None


def pull(model: str = CLIP_MODEL, weights: str = CLIP_WEIGHTS) -> Path:
    """Download weights into Hugging Face's cache, unless they are on this machine.

    Returns:
        the weight file.

    Raises:
        WeightsError: no network, no such name.
    """
    found = find(model, weights)
    if found is not None:
        return found.file
    try:
        if weights.startswith(HUB_PREFIX):
            repo = weights.removeprefix(HUB_PREFIX)
            _download(repo, ["open_clip_config.json"])
            _download(repo, HUB_FILES)
        else:
            _download(*_hub_address(_tag(model, weights)))
    except Exception as error:
        raise WeightsError(missing(model, weights)) from error
    found = find(model, weights)
    if found is None:
        raise WeightsError(missing(model, weights))
    return found.file


def missing(model: str, weights: str) -> str:
    """The error message about absent weights: three ways on."""
    return (
        f"the CLIP weights {weights!r} of {model} are neither on this machine nor reachable. "
        "Three ways on: give a local checkpoint file with --clip-weights PATH; run "
        f"`memguard models pull --clip {model} --clip-weights {weights}` where there is a network "
        f"and copy its cache ({HF_HUB_CACHE}); or build without CLIP: --no-clip. "
        f'In Python: weights={{"clip": "{model}:PATH"}}, or weights={{}} without CLIP'
    )


def _directory(path: Path) -> Checkpoint:
    for name in HUB_FILES:
        if (path / name).is_file():
            return Checkpoint(f"local-dir:{path}", path / name, {})
    raise WeightsError(f"{path} holds no {' or '.join(HUB_FILES)}; name the checkpoint file itself")


def _tag(model: str, weights: str) -> dict[str, Any]:
    import open_clip

    config = open_clip.get_pretrained_cfg(model, weights)
    if not config:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(model)) or "none"
        raise WeightsError(
            f"{weights!r} is neither a file nor a pretrained tag of {model} in open_clip "
            f"(its tags: {tags})"
        )
    return cast("dict[str, Any]", config)


def _hub_address(config: dict[str, Any]) -> tuple[str, Sequence[str]]:
    """The hub's repository of a pretrained tag, and its weight files in order of preference."""
    repo, _, name = config.get("hf_hub", "").rpartition("/")
    return repo, [name] if name else HUB_FILES if repo else []


def _download(repo: str, names: Sequence[str]) -> None:
    """Download the first of the files that the hub has.

    The hub is asked once, without the client's retries, so that a missing network is an error
    within seconds.
    """
    for name in names:
        address = huggingface_hub.hf_hub_url(repo, name)
        try:
            huggingface_hub.get_hf_file_metadata(address, timeout=ANSWER_SECONDS)
        except EntryNotFoundError:
            continue
        huggingface_hub.hf_hub_download(repo, name)
        return


def _cached(repo: str, name: str) -> Path | None:
    found = huggingface_hub.try_to_load_from_cache(repo, name)
    return Path(found) if isinstance(found, str) else None
