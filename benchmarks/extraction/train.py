"""Small diffusion models that memorize: training, checkpoints, sampling.

The recipe is the demo's (`memguard.demo.training`: the network predicts the clean picture, Muon
trains the large weights, a running mean of the weights samples). But each block of 2 x 2 pixels is
one position of the network, so that 32 x 32 pixels cost as little as 16 x 16. A captioned model
embeds a caption as the mean of one learned vector per word, and adds it to the embedding of the
time.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, ImagePipelineOutput, UNet2DModel
from diffusers.training_utils import EMAModel
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from benchmarks.extraction.pictures import SIDE, TrainingSet
from memguard.demo.muon import OneCycleOptimizer
from memguard.demo.training import SAMPLING_STEPS, add_noise

BLOCK_EDGE = 2
"""Edge of a block in pixels."""
UNKNOWN_WORD = 0
"""The number of a word that is in no training caption."""
BATCH_SAMPLES = 64
"""Samples generated at once."""


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of a training run.

    Attributes:
        steps: optimizer steps of the whole schedule.
        checkpoints: steps after which the model is saved. Training ends with the last of them,
            which may come before the end of the schedule.
        batch: pictures a step, each drawn with a probability in proportion to its repeats.
        learning_rate: peak of the one-cycle schedule of Muon.
        small_learning_rate: peak of the one-cycle schedule of AdamW, for the other weights.
        average: decay of the running mean of the weights.
        channels: width of each level of the U-Net.
        seed: of the initial weights, the batches and the noise.
    """

    steps: int
    checkpoints: tuple[int, ...]
    batch: int = 16
    learning_rate: float = 0.02
    small_learning_rate: float = 2e-3
    average: float = 0.99
    channels: tuple[int, ...] = (32, 64, 64)
    seed: int = 1

    @property
    def last(self) -> int:
        """The step at which training ends."""
        return max(self.checkpoints)


class Denoiser(torch.nn.Module):
    """Predicts the clean picture from a noisy one, its time and, for some models, its caption.

    Args:
        channels: width of each level of the U-Net.
        words: all words of the captions, sorted; none for a model without captions.
    """

    def __init__(self, channels: tuple[int, ...], words: Sequence[str] = ()) -> None:
        super().__init__()
        without_attention = len(channels) - 1
        self.unet = UNet2DModel(
            sample_size=SIDE // BLOCK_EDGE,
            in_channels=3 * BLOCK_EDGE**2,
            out_channels=3 * BLOCK_EDGE**2,
            layers_per_block=1,
            block_out_channels=channels,
            down_block_types=("DownBlock2D",) * without_attention + ("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * without_attention,
            norm_num_groups=8,
            attention_head_dim=32,
            class_embed_type="identity" if words else None,
        )
        self.numbers = {word: number for number, word in enumerate(words, start=UNKNOWN_WORD + 1)}
        self.words = torch.nn.EmbeddingBag(len(words) + 1, 4 * channels[0]) if words else None

    def forward(
        self, noisy: torch.Tensor, times: torch.Tensor, captions: Sequence[str] = ()
    ) -> torch.Tensor:
        """Clean pictures.

        Args:
            noisy: pictures, shape (n, 3, SIDE, SIDE), in [-1, 1].
            times: of the noise, shape (n,).
            captions: n captions, or none for a model without.
        """
        blocks = torch.nn.functional.pixel_unshuffle(noisy, BLOCK_EDGE)
        embedded = None if self.words is None else self._embed(captions)
        clean = self.unet(blocks, times, class_labels=embedded).sample
        return torch.nn.functional.pixel_shuffle(clean, BLOCK_EDGE)

    def _embed(self, captions: Sequence[str]) -> torch.Tensor:
        assert self.words is not None
        numbers = [
            [self.numbers.get(word, UNKNOWN_WORD) for word in split(text)] for text in captions
        ]
        starts = np.cumsum([0, *map(len, numbers)])[:-1]
        flat = torch.tensor([number for caption in numbers for number in caption])
        embedded: torch.Tensor = self.words(flat, torch.from_numpy(starts))
        return embedded

    def parts(self) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
        """The weights for Muon, and those for AdamW: vectors, first and last layer, embeddings."""
        ends = ("unet.conv_in", "unet.conv_out", "unet.time_embedding", "words")
        large: list[torch.nn.Parameter] = []
        small: list[torch.nn.Parameter] = []
        for name, weight in self.named_parameters():
            (small if weight.ndim < 2 or name.startswith(ends) else large).append(weight)
        return large, small


@dataclass(frozen=True)
class Model:
    """A model to train: its pictures, its recipe, and whether it reads their captions."""

    name: str
    pictures: TrainingSet
    recipe: Recipe
    captioned: bool = False

    @property
    def words(self) -> list[str]:
        """Every word of the captions, sorted; none for a model that does not read them."""
        captions = [example.caption for example in self.pictures.examples if self.captioned]
        return sorted({word for caption in captions for word in split(caption)})

    def file(self, cache: Path, step: int) -> Path:
        """The checkpoint of a step; its name holds a hash of the recipe and the pictures."""
        recipe = {
            name: value for name, value in asdict(self.recipe).items() if name != "checkpoints"
        }
        digest = hashlib.sha256(json.dumps([recipe, self.captioned, self.words]).encode())
        for example, repeats in zip(self.pictures.examples, self.pictures.repeats, strict=True):
            digest.update(example.levels.tobytes() + str(repeats).encode())
        folder = cache / "models" / f"{self.name}-{digest.hexdigest()[:12]}"
        return folder / f"{step:05d}.safetensors"

    def trained(self, cache: Path, step: int) -> Sampler:
        """The model as it was after this step; it is trained first if it is not in the cache."""
        file = self.file(cache, step)
        if not file.is_file():
            self._train(cache)
        denoiser = Denoiser(self.recipe.channels, self.words)
        denoiser.load_state_dict(load_file(file))
        return (CaptionedSampler if self.captioned else Sampler)(denoiser.eval())

    def _train(self, cache: Path) -> None:
        for step, denoiser in training(self, _printed(self.name)):
            file = self.file(cache, step)
            file.parent.mkdir(parents=True, exist_ok=True)
            incomplete = file.with_suffix(".incomplete")
            save_file(denoiser.state_dict(), incomplete)
            incomplete.replace(file)


def split(caption: str) -> list[str]:
    """The words of a caption, in lower case."""
    return re.findall(r"\w+", caption.lower())


def training(
    model: Model, progress: Callable[[int, int, float], None]
) -> Iterator[tuple[int, Denoiser]]:
    """Train; yields the averaged model at each checkpoint."""
    recipe = model.recipe
    torch.manual_seed(recipe.seed)
    denoiser = Denoiser(recipe.channels, model.words)
    generator = torch.Generator().manual_seed(recipe.seed)
    examples = model.pictures.examples
    levels = np.stack([example.unit for example in examples])
    pictures = torch.from_numpy(levels).permute(0, 3, 1, 2).contiguous() * 2 - 1
    weights = torch.tensor(model.pictures.repeats, dtype=torch.float32)
    noising = DDPMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="sample")
    optimizer = OneCycleOptimizer(denoiser, *denoiser.parts(), recipe)
    averaged = EMAModel(denoiser.parameters(), decay=recipe.average)

    for step in range(1, recipe.last + 1):
        drawn = torch.multinomial(weights, recipe.batch, replacement=True, generator=generator)
        batch = pictures[drawn]
        noisy, times = add_noise(batch, noising, generator)
        captions = [examples[i].caption for i in drawn.tolist()] if model.captioned else ()
        loss = torch.nn.functional.mse_loss(denoiser(noisy, times, captions), batch)
        optimizer.step(loss)
        averaged.step(denoiser.parameters())
        progress(step, recipe.steps, float(loss.detach()))
        if step in recipe.checkpoints:
            averaged.store(denoiser.parameters())
            averaged.copy_to(denoiser.parameters())
            yield step, denoiser
            averaged.restore(denoiser.parameters())


def _printed(name: str, every: int = 100) -> Callable[[int, int, float], None]:
    started = time.monotonic()
    losses: list[float] = []

    def progress(step: int, steps: int, loss: float) -> None:
        losses.append(loss)
        if step % every == 0:
            seconds = time.monotonic() - started
            mean = sum(losses[-every:]) / every
            print(f"{name}: step {step} of {steps}, loss {mean:.4f}, {seconds:.0f} s", flush=True)

    return progress


@dataclass(frozen=True)
class Sampler:
    """A trained model as a pipeline, called like one of diffusers' and with the same outputs."""

    denoiser: Denoiser
    scheduler: DDIMScheduler = field(
        default_factory=lambda: DDIMScheduler(
            beta_schedule="squaredcos_cap_v2",
            prediction_type="sample",
            timestep_spacing="trailing",
        )
    )

    def __call__(
        self,
        batch_size: int = 1,
        generator: torch.Generator | None = None,
        num_inference_steps: int = SAMPLING_STEPS,
    ) -> ImagePipelineOutput:
        """`batch_size` pictures, SIDE x SIDE, as Pillow images."""
        return ImagePipelineOutput(
            images=self._generate([""] * batch_size, generator, num_inference_steps)
        )

    @torch.no_grad()
    def _generate(
        self, captions: Sequence[str], generator: torch.Generator | None, steps: int
    ) -> list[Image.Image]:
        images: list[Image.Image] = []
        for start in range(0, len(captions), BATCH_SAMPLES):
            part = captions[start : start + BATCH_SAMPLES]
            pictures = torch.randn((len(part), 3, SIDE, SIDE), generator=generator)
            self.scheduler.set_timesteps(steps)
            for timestep in self.scheduler.timesteps:
                times = timestep.expand(len(part))
                clean = self.denoiser(pictures, times, part)
                pictures = self.scheduler.step(clean, timestep, pictures).prev_sample
            images += [Image.fromarray(levels) for levels in as_levels(pictures)]
        return images


class CaptionedSampler(Sampler):
    """The same for a captioned model, called like diffusers' text-to-image pipelines."""

    def __call__(  # type: ignore[override]
        self,
        prompt: str | Sequence[str],
        num_images_per_prompt: int = 1,
        generator: torch.Generator | None = None,
        num_inference_steps: int = SAMPLING_STEPS,
    ) -> ImagePipelineOutput:
        """`num_images_per_prompt` pictures of each prompt, in the order of the prompts."""
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        captions = [text for text in prompts for _ in range(num_images_per_prompt)]
        return ImagePipelineOutput(images=self._generate(captions, generator, num_inference_steps))


def as_levels(pictures: torch.Tensor) -> NDArray[np.uint8]:
    """(n, 3, h, w) in [-1, 1] as uint8 (n, h, w, 3)."""
    levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte()
    return levels.permute(0, 2, 3, 1).contiguous().numpy()
