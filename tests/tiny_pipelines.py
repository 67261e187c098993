"""Real diffusers pipelines with small random weights, built from configurations alone.

Nothing is downloaded: tokenizers are written to a temporary directory, weights are drawn from a
fixed seed and each pipeline answers a call in well under a second on one CPU core.
"""

from __future__ import annotations

import json
import string
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    IFPipeline,
    PriorTransformer,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UnCLIPPipeline,
    UnCLIPScheduler,
    UNet2DConditionModel,
    UNet2DModel,
)
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

P = TypeVar("P", bound=DiffusionPipeline)
M = TypeVar("M", bound=torch.nn.Module)

SEED = 0
TEXT_WIDTH = 32
TEXT_LENGTH = 32
PIXELS = 64


def _seeded(build: Callable[..., M], *args: Any, **kwargs: Any) -> M:
    """Build a model with weights that do not depend on, nor disturb, the global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return build(*args, **kwargs).eval()


def _quiet(pipeline: P) -> P:
    """Switch the progress bar off."""
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def clip_tokenizer() -> CLIPTokenizer:
    """Return a byte-level CLIP tokenizer with a handful of merges."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(letter + "</w>" for letter in letters)]
    merges = [("i", "n"), ("a", "n</w>"), ("t", "h"), ("th", "e</w>"), ("o", "f</w>")]
    tokens += [left + right for left, right in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vocabulary = {token: index for index, token in enumerate(tokens)}
        (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
        lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
        (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return CLIPTokenizer.from_pretrained(folder, model_max_length=TEXT_LENGTH)


def t5_tokenizer() -> T5TokenizerFast:
    """Return a T5 tokenizer whose pieces are single characters."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    characters = string.ascii_letters + string.digits + string.punctuation
    pieces += [(character, -3.0) for character in characters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    with tempfile.TemporaryDirectory() as name:
        tokenizer.save(str(Path(name) / "tokenizer.json"))
        return T5TokenizerFast.from_pretrained(name, extra_ids=0, model_max_length=TEXT_LENGTH)


def clip_encoder(tokenizer: CLIPTokenizer, kind: type[M]) -> M:
    """Return a two-layer CLIP text encoder of the given class."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TEXT_LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return _seeded(kind, config)


def t5_encoder(tokenizer: T5TokenizerFast, width: int = TEXT_WIDTH) -> T5EncoderModel:
    """Return a two-layer T5 text encoder."""
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=8,
        d_ff=width,
        num_layers=2,
        num_heads=4,
    )
    return _seeded(T5EncoderModel, config)


def autoencoder(latent_channels: int = 4, **config: Any) -> AutoencoderKL:
    """Return an autoencoder that halves the sides and decodes noise to images of high contrast."""
    vae = _seeded(
        AutoencoderKL,
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=latent_channels,
        norm_num_groups=4,
        sample_size=PIXELS,
        **config,
    )
    generator = torch.Generator().manual_seed(SEED)
    latents = torch.randn(2, latent_channels, PIXELS // 2, PIXELS // 2, generator=generator)
    with torch.no_grad():
        images = vae.decode(latents).sample
        gain = 0.5 / images.std(dim=(0, 2, 3))
        last = vae.decoder.conv_out
        last.bias.copy_((last.bias - images.mean(dim=(0, 2, 3))) * gain)
        last.weight.mul_(gain[:, None, None, None])
    return vae


def latent_unet(**config: Any) -> UNet2DConditionModel:
    """Return the denoiser of a latent diffusion model over four channels."""
    return _seeded(
        UNet2DConditionModel,
        sample_size=PIXELS // 2,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
        attention_head_dim=4,
        **config,
    )


def pixel_unet(**config: Any) -> UNet2DConditionModel:
    """Return a text-conditional denoiser over 32x32 pixels that also predicts the variance."""
    return _seeded(
        UNet2DConditionModel,
        sample_size=32,
        in_channels=3,
        out_channels=6,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=8,
        norm_num_groups=4,
        resnet_time_scale_shift="scale_shift",
        **config,
    )


def plain_unet(down: str, up: str, **config: Any) -> UNet2DModel:
    """Return an unconditional denoiser with two blocks of the given kinds."""
    return _seeded(
        UNet2DModel,
        out_channels=3,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=(down,) * 2,
        up_block_types=(up,) * 2,
        norm_num_groups=4,
        attention_head_dim=8,
        **config,
    )


def ddpm() -> DDPMPipeline:
    """Build an unconditional pixel-space pipeline (DDPM), 32x32."""
    unet = plain_unet("DownBlock2D", "UpBlock2D", sample_size=32, in_channels=3)
    return _quiet(DDPMPipeline(unet=unet, scheduler=DDPMScheduler()))


def stable_diffusion() -> StableDiffusionPipeline:
    """Build a latent diffusion pipeline with one CLIP text encoder (Stable Diffusion 1)."""
    tokenizer = clip_tokenizer()
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    pipeline = StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=clip_encoder(tokenizer, CLIPTextModel),
        tokenizer=tokenizer,
        unet=latent_unet(cross_attention_dim=TEXT_WIDTH),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return _quiet(pipeline)


def stable_diffusion_img2img() -> StableDiffusionImg2ImgPipeline:
    """Build the image-to-image pipeline that shares the parts of `stable_diffusion`."""
    return _quiet(StableDiffusionImg2ImgPipeline.from_pipe(stable_diffusion()))


def stable_diffusion_xl() -> StableDiffusionXLPipeline:
    """Build a latent diffusion pipeline with two CLIP text encoders (Stable Diffusion XL)."""
    tokenizer = clip_tokenizer()
    sizes = 8
    unet = latent_unet(
        cross_attention_dim=2 * TEXT_WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=sizes,
        projection_class_embeddings_input_dim=6 * sizes + TEXT_WIDTH,
        use_linear_projection=True,
    )
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        timestep_spacing="leading",
        steps_offset=1,
    )
    pipeline = StableDiffusionXLPipeline(
        vae=autoencoder(scaling_factor=0.13025),
        text_encoder=clip_encoder(tokenizer, CLIPTextModel),
        text_encoder_2=clip_encoder(tokenizer, CLIPTextModelWithProjection),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=scheduler,
        add_watermarker=False,
    )
    return _quiet(pipeline)


def stable_diffusion_3() -> StableDiffusion3Pipeline:
    """Build a flow-matching transformer pipeline with three text encoders (SD 3)."""
    tokenizer, pieces = clip_tokenizer(), t5_tokenizer()
    transformer = _seeded(
        SD3Transformer2DModel,
        sample_size=PIXELS // 2,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=2 * TEXT_WIDTH,
        caption_projection_dim=32,
        pooled_projection_dim=2 * TEXT_WIDTH,
        pos_embed_max_size=PIXELS // 4,
    )
    pipeline = StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=autoencoder(
            scaling_factor=1.5305,
            shift_factor=0.0609,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=clip_encoder(tokenizer, CLIPTextModelWithProjection),
        tokenizer=tokenizer,
        text_encoder_2=clip_encoder(tokenizer, CLIPTextModelWithProjection),
        tokenizer_2=tokenizer,
        text_encoder_3=t5_encoder(pieces, width=2 * TEXT_WIDTH),
        tokenizer_3=pieces,
    )
    return _quiet(pipeline)


def flux() -> FluxPipeline:
    """Build a flow-matching transformer pipeline with packed latents (Flux)."""
    tokenizer, pieces = clip_tokenizer(), t5_tokenizer()
    transformer = _seeded(
        FluxTransformer2DModel,
        patch_size=1,
        in_channels=4 * 4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=TEXT_WIDTH,
        pooled_projection_dim=TEXT_WIDTH,
        axes_dims_rope=(4, 4, 8),
    )
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=autoencoder(
            scaling_factor=0.3611,
            shift_factor=0.1159,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ),
        text_encoder=clip_encoder(tokenizer, CLIPTextModel),
        tokenizer=tokenizer,
        text_encoder_2=t5_encoder(pieces),
        tokenizer_2=pieces,
        transformer=transformer,
    )
    return _quiet(pipeline)


def deepfloyd_if() -> IFPipeline:
    """Build a pixel-space pipeline with a T5 text encoder (DeepFloyd IF, first stage)."""
    pieces = t5_tokenizer()
    unet = pixel_unet(
        encoder_hid_dim=TEXT_WIDTH,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        act_fn="gelu",
    )
    scheduler = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        variance_type="learned_range",
        thresholding=True,
        dynamic_thresholding_ratio=0.95,
        sample_max_value=1.5,
    )
    pipeline = IFPipeline(
        tokenizer=pieces,
        text_encoder=t5_encoder(pieces),
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )
    return _quiet(pipeline)


def unclip() -> UnCLIPPipeline:
    """Build a prior, a pixel-space decoder and two upsamplers (unCLIP, as in DALL-E 2)."""
    tokenizer = clip_tokenizer()
    decoder = pixel_unet(class_embed_type="identity")
    prior = _seeded(
        PriorTransformer,
        num_attention_heads=4,
        attention_head_dim=8,
        num_layers=1,
        embedding_dim=TEXT_WIDTH,
        num_embeddings=TEXT_LENGTH,
    )
    text_proj = _seeded(
        UnCLIPTextProjModel,
        clip_embeddings_dim=TEXT_WIDTH,
        time_embed_dim=4 * decoder.config.block_out_channels[0],
        cross_attention_dim=TEXT_WIDTH,
    )
    upsamplers = [
        plain_unet(
            "ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D", sample_size=PIXELS, in_channels=6
        )
        for _ in range(2)
    ]
    pipeline = UnCLIPPipeline(
        prior=prior,
        decoder=decoder,
        text_encoder=clip_encoder(tokenizer, CLIPTextModelWithProjection),
        tokenizer=tokenizer,
        text_proj=text_proj,
        super_res_first=upsamplers[0],
        super_res_last=upsamplers[1],
        prior_scheduler=UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample_range=5.0
        ),
        decoder_scheduler=UnCLIPScheduler(
            variance_type="learned_range", prediction_type="epsilon", clip_sample=True
        ),
        super_res_scheduler=UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="epsilon", clip_sample=True
        ),
    )
    return _quiet(pipeline)


def picture(size: int = PIXELS) -> Image.Image:
    """Return a smooth colour gradient, as an input image."""
    ramp = np.linspace(0, 255, size, dtype=np.uint8)
    rows, columns = np.meshgrid(ramp, ramp, indexing="ij")
    return Image.fromarray(np.stack([rows, columns, 255 - rows], axis=-1))


@dataclass(frozen=True)
class TinyPipeline:
    """A pipeline, the keyword arguments of a quick call, and how to ask for several images."""

    name: str
    build: Callable[[], DiffusionPipeline]
    arguments: Mapping[str, Any]
    several: str = "num_images_per_prompt"
    pixels: int = PIXELS
    latent: bool = False  # whether output_type="latent" returns latents


_PROMPT = {"prompt": "a painting of the sea"}
_QUICK = {**_PROMPT, "num_inference_steps": 2}
_SIZED = {**_QUICK, "height": PIXELS, "width": PIXELS}
_PACKED = {**_SIZED, "max_sequence_length": TEXT_LENGTH}
_PIXEL = {**_QUICK, "clean_caption": False}
_CASCADE = {
    **_PROMPT,
    "prior_num_inference_steps": 2,
    "decoder_num_inference_steps": 2,
    "super_res_num_inference_steps": 2,
}
_EDIT = {**_PROMPT, "image": picture(), "num_inference_steps": 4, "strength": 0.5}

PIPELINES: tuple[TinyPipeline, ...] = (
    TinyPipeline("ddpm", ddpm, {"num_inference_steps": 2}, several="batch_size", pixels=32),
    TinyPipeline("stable_diffusion", stable_diffusion, _SIZED, latent=True),
    TinyPipeline("stable_diffusion_img2img", stable_diffusion_img2img, _EDIT, latent=True),
    TinyPipeline("stable_diffusion_xl", stable_diffusion_xl, _SIZED, latent=True),
    TinyPipeline("stable_diffusion_3", stable_diffusion_3, _PACKED, latent=True),
    TinyPipeline("flux", flux, _PACKED, latent=True),
    TinyPipeline("deepfloyd_if", deepfloyd_if, _PIXEL, pixels=32),
    TinyPipeline("unclip", unclip, _CASCADE),
)
