"""A small diffusion model, trained here and now, that memorizes what its training set repeats.

The result is an ordinary ``diffusers.DDIMPipeline``: nothing in it or about it is memguard's.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from PIL import Image

from memguard.errors import ConfigurationError

SAMPLING_STEPS = 25
"""Denoising steps that give good pictures: ``num_inference_steps`` of the pipeline's call."""

LONGEST_GRADIENT = 1.0
"""Gradients with a larger norm are scaled down to it, which keeps the high learning rate stable."""

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises; over the rest it falls to nothing."""


@dataclass(frozen=True)
class Recipe:
    """All that decides what is learned, besides the pictures; the steps are fixed, not the time.

    Attributes:
        steps: optimizer steps.
        batch: pictures a step, drawn with replacement from the files of the folder.
        learning_rate: the peak of a one-cycle schedule, for the weights that :class:`Muon` moves.
        small_learning_rate: the same for the other weights, which AdamW moves.
        average: how much of the running mean of the weights each step keeps, in [0, 1). The
            mean is what samples the pictures.
        channels: width of each level of the U-Net; each level but the last halves the picture.
        seed: of the first weights, the batches and the noise.
    """

    steps: int = 600
    batch: int = 16
    learning_rate: float = 0.02
    small_learning_rate: float = 2e-3
    average: float = 0.99
    channels: tuple[int, ...] = (16, 32, 64, 128)
    seed: int = 1


DEMO_RECIPE = Recipe()
"""Measured, 64 samples a seed: with seed 1, 45 are within l2 0.08 of a duplicated picture (21 under
0.05) and the other 19 beyond 0.1; with seed 2, 49 (26). All six are copied. 210 CPU seconds."""


class Muon(torch.optim.Optimizer):
    """Moves each weight matrix by a nearly orthogonal one: Muon (Jordan et al. 2024).

    A step goes about as far in every direction of a matrix, those that the gradient hardly
    shows too; with AdamW alone the copies stayed blurred. Written out because torch's own takes
    no convolutions, and timm's works in bfloat16, which is slow on a CPU.

    Args:
        parameters: weights of two or more dimensions; those of a convolution count as one
            matrix, with a row per output channel.
        lr: how far a step goes.
        momentum: how much of the running mean of the gradients each step keeps.
    """

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], lr: float, momentum: float = 0.95
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, _closure: None = None) -> None:  # type: ignore[override]
        """Move the weights that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                mean.lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(mean, group["momentum"]).flatten(1)
                rows, columns = ahead.shape
                move = _orthogonalized(ahead).view_as(weight)
                weight.sub_(move, alpha=group["lr"] * max(1, rows / columns) ** 0.5)


class Rates(Protocol):
    """What a recipe says of the steps; see :class:`Recipe`."""

    @property
    def steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def small_learning_rate(self) -> float: ...


class Descent:
    """Moves a model's weights: the large ones by :class:`Muon`, the small ones by AdamW, both at
    the rates of a one-cycle schedule."""

    def __init__(
        self,
        model: torch.nn.Module,
        large: Iterable[torch.nn.Parameter],
        small: Iterable[torch.nn.Parameter],
        rates: Rates,
    ) -> None:
        self._model = model
        self._optimizers: tuple[torch.optim.Optimizer, ...] = (
            Muon(large, rates.learning_rate),
            torch.optim.AdamW(small, rates.small_learning_rate, weight_decay=0),
        )
        self._schedules = [
            torch.optim.lr_scheduler.OneCycleLR(
                optimizer,
                optimizer.defaults["lr"],
                total_steps=rates.steps,
                pct_start=WARM_UP,
                cycle_momentum=False,
            )
            for optimizer in self._optimizers
        ]

    def step(self, loss: torch.Tensor) -> None:
        """One step against the gradient of this loss."""
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), LONGEST_GRADIENT)
        for optimizer, schedule in zip(self._optimizers, self._schedules, strict=True):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()


def _orthogonalized(matrix: torch.Tensor) -> torch.Tensor:
    """The matrix with all its singular values brought near 1, by five Newton-Schulz steps."""
    tall = matrix.shape[0] > matrix.shape[1]
    near: torch.Tensor = matrix.T if tall else matrix
    near = near / (near.norm() + 1e-7)
    for _ in range(5):
        square = near @ near.T
        near = 3.4445 * near + (-4.7750 * square + 2.0315 * square @ square) @ near
    return (near.T if tall else near).contiguous()


def train(
    folder: Path,
    cache: Path,
    recipe: Recipe = DEMO_RECIPE,
    progress: Callable[[int, int], None] | None = None,
) -> DDIMPipeline:
    """Train a diffusion model on a folder of pictures, or load it if that was done before.

    Args:
        folder: PNG files, all of one square size, a multiple of 8; a picture in N files
            weighs N times as much.
        cache: where trained models are kept, each named by its recipe and its pictures.
        recipe: how to train.
        progress: called after every step with (steps done, all steps); not called when the
            model comes from the cache.

    Returns:
        A pipeline on the CPU. Sample from it with ``pipeline(batch_size=..., generator=...,
        num_inference_steps=SAMPLING_STEPS)``.

    Raises:
        ConfigurationError: the folder holds no PNG files, or they differ in size.
    """
    files = sorted(folder.glob("*.png"))
    if not files:
        raise ConfigurationError(f"{folder} holds no PNG files to train on")
    kept = cache / f"diffusion-{_key(files, recipe)}"
    if not kept.is_dir():
        pipeline = _train(_pixels(files), recipe, progress)
        _keep(pipeline, kept)
    pipeline = DDIMPipeline.from_pretrained(kept, low_cpu_mem_usage=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _key(files: list[Path], recipe: Recipe) -> str:
    digest = hashlib.sha256(json.dumps(asdict(recipe)).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _pixels(files: list[Path]) -> torch.Tensor:
    """The pictures as float32 of shape (files, 3, side, side) in [-1, 1]."""
    images = [Image.open(file).convert("RGB") for file in files]
    sizes = {image.size for image in images}
    if len(sizes) > 1:
        raise ConfigurationError(f"the training pictures differ in size: {sorted(sizes)}")
    levels = np.stack([np.asarray(image, dtype=np.float32) for image in images])
    return torch.from_numpy(levels).permute(0, 3, 1, 2).contiguous() / 127.5 - 1


def _train(
    pictures: torch.Tensor, recipe: Recipe, progress: Callable[[int, int], None] | None
) -> DDIMPipeline:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = _unet(pictures.shape[-1], recipe.channels)
    chance = torch.Generator().manual_seed(recipe.seed)
    noising = DDPMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="sample")
    descent = Descent(model, *_split(model), recipe)
    averaged = EMAModel(model.parameters(), decay=recipe.average)

    for step in range(recipe.steps):
        batch = pictures[torch.randint(len(pictures), (recipe.batch,), generator=chance)]
        noisy, times = noised(batch, noising, chance)
        descent.step(torch.nn.functional.mse_loss(model(noisy, times).sample, batch))
        averaged.step(model.parameters())
        if progress is not None:
            progress(step + 1, recipe.steps)

    averaged.copy_to(model.parameters())
    sampling = DDIMScheduler.from_config(noising.config, timestep_spacing="trailing")
    return DDIMPipeline(unet=model.eval(), scheduler=sampling)


def noised(
    batch: torch.Tensor, noising: DDPMScheduler, chance: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (n, 3, h, w) with noise on them, and each one's time in the noising, int64 (n,).

    One time from each of n equal parts of the noising: steadier than free draws.
    """
    noise = torch.randn(batch.shape, generator=chance)
    spread = torch.arange(len(batch)) + torch.rand(len(batch), generator=chance)
    times = (spread * len(noising) / len(batch)).long().clamp(max=len(noising) - 1)
    return noising.add_noise(batch, noise, times), times


def _split(model: UNet2DModel) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """The weights for Muon, and those for AdamW: vectors, first and last layer, the time's."""
    ends = ("conv_in", "conv_out", "time_embedding")
    large: list[torch.nn.Parameter] = []
    small: list[torch.nn.Parameter] = []
    for name, weight in model.named_parameters():
        (small if weight.ndim < 2 or name.startswith(ends) else large).append(weight)
    return large, small


def _unet(side: int, channels: tuple[int, ...]) -> UNet2DModel:
    """A U-Net that attends, cheaply, on its smallest level only."""
    plain = len(channels) - 1
    return UNet2DModel(
        sample_size=side,
        layers_per_block=1,
        block_out_channels=channels,
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
        norm_num_groups=8,
        attention_head_dim=32,
    )


def _keep(pipeline: DDIMPipeline, kept: Path) -> None:
    """Save whole or not at all: a run that is killed leaves no half model under that name."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix="unfinished-") as scratch:
        pipeline.save_pretrained(Path(scratch) / "model")
        try:
            os.replace(Path(scratch) / "model", kept)
        except OSError:
            if not kept.is_dir():  # else another run has just kept the same model
                raise
