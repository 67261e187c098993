"""Small text-to-image models that memorize what their training set repeats.

Two kinds, alike but for their parametrization: one predicts the noise (epsilon), as Stable
Diffusion does and on its schedule; one the velocity of rectified flow, as Stable Diffusion 3 and
Flux do. Inside both a U-Net predicts the clean picture, from which noise or velocity follow. A
caption is the mean of one learned vector per word. Captions are dropped now and then, so that the
model can be guided; words too, so that it knows unknown ones.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    ImagePipelineOutput,
    UNet2DModel,
)
from diffusers.training_utils import EMAModel
from PIL import Image
from safetensors.torch import load_file, save_file

from benchmarks.extraction.pictures import SIDE, TrainingSet
from benchmarks.extraction.train import as_levels
from memguard.demo.muon import OneCycleOptimizer

Kind = Literal["epsilon", "flow"]

BLOCK_EDGE = 2
"""Each block of 2 x 2 pixels is one position of the network."""
NO_CAPTION, UNKNOWN_WORD = 0, 1
"""The numbers of the empty caption and of a word that is in no training caption."""
DROPPED_CAPTIONS, DROPPED_WORDS = 0.1, 0.1
"""Shares of captions and of words that a training step leaves out."""
TRAINING_TIMES = 1000
"""Time steps of both schedules."""
LEAST_TIME = 0.02
"""Of the flow: nearer to the clean picture the velocity is that at this time."""


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a training run; see :class:`benchmarks.extraction.train.Recipe`."""

    steps: int
    batch: int = 16
    learning_rate: float = 0.02
    small_learning_rate: float = 2e-3
    average: float = 0.995
    channels: tuple[int, ...] = (32, 64, 64)
    seed: int = 1


class TextEncoder(torch.nn.Module):
    """One learned vector per word, and their mean.

    Args:
        words: all words of the training captions, sorted.
        width: of the vectors.
    """

    def __init__(self, words: Sequence[str], width: int) -> None:
        super().__init__()
        self.numbers = {word: number for number, word in enumerate(words, start=UNKNOWN_WORD + 1)}
        self.vectors = torch.nn.EmbeddingBag(len(words) + UNKNOWN_WORD + 1, width)

    def tokens(self, caption: str) -> list[int]:
        """The numbers of a caption's words."""
        return [self.numbers.get(word, UNKNOWN_WORD) for word in split(caption)] or [NO_CAPTION]

    def forward(self, tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """Vectors, float32 (captions, width)."""
        starts = np.cumsum([0, *map(len, tokens)])[:-1]
        flat = torch.tensor([number for caption in tokens for number in caption])
        embedded: torch.Tensor = self.vectors(flat, torch.from_numpy(starts))
        return embedded


class Denoiser(torch.nn.Module):
    """Predicts noise or velocity, as its kind has it, from a noisy picture, its time, and a text.

    Args:
        kind: see the module.
        channels: width of each level of the U-Net.
    """

    def __init__(self, kind: Kind, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.kind = kind
        plain = len(channels) - 1
        self.network = UNet2DModel(
            sample_size=SIDE // BLOCK_EDGE,
            in_channels=3 * BLOCK_EDGE**2,
            out_channels=3 * BLOCK_EDGE**2,
            layers_per_block=1,
            block_out_channels=channels,
            down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
            norm_num_groups=8,
            attention_head_dim=32,
            class_embed_type="identity",
        )
        self.register_buffer("alphas", scheduler("epsilon").alphas_cumprod, persistent=False)

    def clean(
        self, sample: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor
    ) -> torch.Tensor:
        """The clean pictures, float32 (n, 3, SIDE, SIDE), about in [-1, 1]."""
        blocks = torch.nn.functional.pixel_unshuffle(sample, BLOCK_EDGE)
        clean = self.network(blocks, timestep, class_labels=text).sample
        return torch.nn.functional.pixel_shuffle(clean, BLOCK_EDGE)

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
    ) -> tuple[torch.Tensor]:
        """Noise or velocity, shaped as the sample, in a tuple of one."""
        times = timestep.expand(len(sample))
        clean = self.clean(sample, times, encoder_hidden_states)
        signal, noise = self.shares(times)
        if self.kind == "epsilon":
            return ((sample - signal * clean) / noise,)
        return ((sample - clean) / noise.clamp(min=LEAST_TIME),)

    def shares(self, times: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The factors of picture and noise at times in [0, TRAINING_TIMES], (n, 1, 1, 1)."""
        if self.kind == "flow":
            noise = (times / TRAINING_TIMES).view(-1, 1, 1, 1)
            return 1 - noise, noise
        alphas: Any = self.alphas
        kept = alphas[times.long()].view(-1, 1, 1, 1)
        return kept.sqrt(), (1 - kept).sqrt()


@dataclass(frozen=True)
class TextToImage:
    """A trained model as a pipeline, called like one of diffusers' and with the same outputs.

    Attributes:
        unet: predicts noise or velocity; guidance runs it on the batch twice over.
        text_encoder: of captions.
        scheduler: DDIM, or Euler for the flow.
    """

    unet: Denoiser
    text_encoder: TextEncoder
    scheduler: Any = field(repr=False)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        num_images_per_prompt: int = 1,
        generator: torch.Generator | None = None,
        num_inference_steps: int = 25,
        guidance_scale: float = 3.0,
    ) -> ImagePipelineOutput:
        """``num_images_per_prompt`` pictures of each prompt, in the order of the prompts."""
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        captions = [text for text in prompts for _ in range(num_images_per_prompt)]
        texts = [self.text_encoder.tokens(text) for text in ["" for _ in captions] + captions]
        embedded = self.text_encoder(texts)
        pictures = torch.randn((len(captions), 3, SIDE, SIDE), generator=generator)
        self.scheduler.set_timesteps(num_inference_steps)
        for timestep in self.scheduler.timesteps:
            (predicted,) = self.unet(torch.cat([pictures] * 2), timestep, embedded)
            without, with_text = predicted.chunk(2)
            guided = without + guidance_scale * (with_text - without)
            pictures = self.scheduler.step(guided, timestep, pictures).prev_sample
        return ImagePipelineOutput(
            images=[Image.fromarray(levels) for levels in as_levels(pictures)]
        )


def scheduler(kind: Kind) -> Any:
    """Stable Diffusion's schedule, or that of rectified flow."""
    if kind == "flow":
        return FlowMatchEulerDiscreteScheduler(num_train_timesteps=TRAINING_TIMES)
    return DDIMScheduler(
        num_train_timesteps=TRAINING_TIMES,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        timestep_spacing="trailing",
    )


@dataclass(frozen=True)
class Model:
    """A model to train: its kind, its pictures and its recipe."""

    kind: Kind
    pictures: TrainingSet
    recipe: Recipe

    @property
    def words(self) -> list[str]:
        """Every word of the captions, sorted."""
        return sorted({word for one in self.pictures.examples for word in split(one.caption)})

    def file(self, cache: Path) -> Path:
        """Its weights; the name holds a hash of the recipe and the pictures."""
        return cache / f"{self.kind}-{self._key()}.safetensors"

    def trained(self, cache: Path) -> TextToImage:
        """The model; it is trained first if it is not in the cache."""
        file = self.file(cache)
        parts = self._parts()
        if not file.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            self._train(parts)
            incomplete = file.with_suffix(".incomplete")
            save_file(parts.state_dict(), incomplete)
            incomplete.replace(file)
        parts.load_state_dict(load_file(file))
        parts.eval()
        unet, text_encoder = parts
        assert isinstance(unet, Denoiser)
        assert isinstance(text_encoder, TextEncoder)
        return TextToImage(unet, text_encoder, scheduler(self.kind))

    def _key(self) -> str:
        digest = hashlib.sha256(json.dumps([asdict(self.recipe), self.words]).encode())
        for example, repeats in zip(self.pictures.examples, self.pictures.repeats, strict=True):
            digest.update(example.levels.tobytes() + str(repeats).encode())
        return digest.hexdigest()[:12]

    def _parts(self) -> torch.nn.ModuleList:
        torch.manual_seed(self.recipe.seed)
        channels = self.recipe.channels
        return torch.nn.ModuleList(
            [Denoiser(self.kind, channels), TextEncoder(self.words, 4 * channels[0])]
        )

    def _train(self, parts: torch.nn.ModuleList) -> None:
        recipe = self.recipe
        denoiser, text_encoder = parts
        assert isinstance(denoiser, Denoiser)
        assert isinstance(text_encoder, TextEncoder)
        random = np.random.default_rng(recipe.seed)
        generator = torch.Generator().manual_seed(recipe.seed)
        examples = self.pictures.examples
        levels = np.stack([example.unit for example in examples])
        pictures = torch.from_numpy(levels).permute(0, 3, 1, 2).contiguous() * 2 - 1
        tokens = [text_encoder.tokens(example.caption) for example in examples]
        weights = torch.tensor(self.pictures.repeats, dtype=torch.float32)
        optimizer = OneCycleOptimizer(parts, *_large_and_small(parts), recipe)
        averaged = EMAModel(parts.parameters(), decay=recipe.average)
        started, total = time.monotonic(), 0.0
        for step in range(1, recipe.steps + 1):
            drawn = torch.multinomial(weights, recipe.batch, replacement=True, generator=generator)
            batch = pictures[drawn]
            spread = torch.arange(recipe.batch) + torch.rand(recipe.batch, generator=generator)
            times = spread * TRAINING_TIMES / recipe.batch
            times = times.clamp(max=TRAINING_TIMES - 1)
            signal, noise = denoiser.shares(times)
            noisy = signal * batch + noise * torch.randn(batch.shape, generator=generator)
            texts = text_encoder([_thinned(tokens[i], random) for i in drawn.tolist()])
            loss = torch.nn.functional.mse_loss(denoiser.clean(noisy, times, texts), batch)
            optimizer.step(loss)
            averaged.step(parts.parameters())
            total += float(loss.detach())
            if step % 100 == 0:
                seconds = time.monotonic() - started
                print(
                    f"{self.kind}: step {step}, loss {total / 100:.4f}, {seconds:.0f} s", flush=True
                )
                total = 0.0
        averaged.copy_to(parts.parameters())


def split(caption: str) -> list[str]:
    """The words of a caption, in lower case."""
    return re.findall(r"\w+", caption.lower())


def _thinned(tokens: Sequence[int], random: np.random.Generator) -> list[int]:
    """A caption as a training step sees it: whole, without some words, or none at all."""
    if random.random() < DROPPED_CAPTIONS:
        return [NO_CAPTION]
    return [UNKNOWN_WORD if random.random() < DROPPED_WORDS else token for token in tokens]


def _large_and_small(
    parts: torch.nn.ModuleList,
) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """The weights for Muon, and those for AdamW: vectors, first and last layer, embeddings."""
    large: list[torch.nn.Parameter] = []
    small: list[torch.nn.Parameter] = []
    ends = ("0.network.conv_in", "0.network.conv_out", "0.network.time_embedding", "1.")
    for name, weight in parts.named_parameters():
        (small if weight.ndim < 2 or name.startswith(ends) else large).append(weight)
    return large, small
