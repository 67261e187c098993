"""Small models with random weights, written to files by the libraries that read such files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

ARCHITECTURE = "memguard-tiny"
SIDE = 32

MODEL_CFG: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": SIDE, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
}


def register_architecture(folder: Path) -> None:
    """Make ``ARCHITECTURE`` an architecture of open_clip in this process."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{ARCHITECTURE}.json").write_text(json.dumps(MODEL_CFG))
    open_clip.add_model_config(folder)


def new_clip(seed: int = 0) -> torch.nn.Module:
    """A tiny CLIP with random weights; :func:`register_architecture` comes first."""
    torch.manual_seed(seed)
    return open_clip.create_model(ARCHITECTURE).eval()


def write_clip_directory(
    folder: Path, network: torch.nn.Module, preprocess: dict[str, Any], *, safe: bool = True
) -> Path:
    """open_clip's own layout, as ``push_to_hf_hub`` writes it."""
    folder.mkdir(parents=True)
    config = {"model_cfg": MODEL_CFG, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    if safe:
        save_file(network.state_dict(), folder / "open_clip_model.safetensors")
    else:
        torch.save(network.state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


class TinySscd(torch.nn.Module):
    """What SSCD looks like from outside: normalised NCHW floats in, rows out."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.convolution = torch.nn.Conv2d(3, 6, 7, stride=4)
        self.head = torch.nn.Linear(6 * 16, 20)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        pooled = torch.nn.functional.adaptive_avg_pool2d(self.convolution(pixels).relu(), 4)
        return self.head(pooled.flatten(1))
