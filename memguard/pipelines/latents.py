"""``output_type="latent"``: decoded with the pipeline's own VAE, so that the check sees pixels.

The caller still gets latents; only the check looks at the decoded images. Decodes as the pipelines
of ``diffusers`` do after their last step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.arrays import batch_output
from memguard.pipelines.call import Call
from memguard.pipelines.outputs import find_images
from memguard.pipelines.pictures import Output


def latent_reader(pipeline: Any, call: Call) -> Callable[[Any], Output]:
    """A reader of this pipeline's latents, whose pictures are the decoded latents.

    Args:
        pipeline: has ``vae`` and ``image_processor``, as diffusers' latent pipelines have.
        call: the call whose output will be read (packed latents need its height and width).

    Returns:
        A function of what the pipeline returns. It raises UnsupportedOutputError if the latents
        cannot be decoded. The pieces are latents, a placeholder is all zeros.

    Raises:
        UnsupportedOutputError: the pipeline has no VAE to decode with.
    """
    if getattr(pipeline, "vae", None) is None or not hasattr(pipeline, "image_processor"):
        raise UnsupportedOutputError(
            f"{type(pipeline).__name__} has no VAE and image processor to decode its latents with; "
            'ask for output_type "pil", "np" or "pt"'
        )
    return lambda output: find_images(output, read=lambda latents: _read(pipeline, call, latents))


def _read(pipeline: Any, call: Call, latents: Any) -> Output:
    import torch

    try:
        with torch.no_grad():
            decoded = _decode(pipeline, _unpacked(pipeline, call, latents))
        images = pipeline.image_processor.postprocess(decoded, output_type="np")
    except Exception as error:
        raise UnsupportedOutputError(
            f"the latents of {type(pipeline).__name__} could not be decoded for the check: "
            f'{error}; ask for output_type "pil", "np" or "pt"'
        ) from error
    pictures = find_images(images).pictures
    return batch_output(latents, pictures, lambda position, _: torch.zeros_like(latents[position]))


def _unpacked(pipeline: Any, call: Call, latents: Any) -> Any:
    """Latents as (n, channels, height, width); Flux gives them as (n, patches, 4 * channels)."""
    if latents.ndim == 4:
        return latents
    side = pipeline.default_sample_size * pipeline.vae_scale_factor
    height = call.arguments.get("height") or side
    width = call.arguments.get("width") or side
    return pipeline._unpack_latents(latents, height, width, pipeline.vae_scale_factor)


def _decode(pipeline: Any, latents: Any) -> Any:
    """Images in [-1, 1]; a VAE that overflows in half precision decodes in single for a moment."""
    import torch

    vae, config = pipeline.vae, pipeline.vae.config
    mean, std = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    scaled = latents / config.scaling_factor
    if mean is not None and std is not None:
        scaled = scaled * _per_channel(std, latents) + _per_channel(mean, latents)
    scaled = scaled + (getattr(config, "shift_factor", None) or 0)
    if vae.dtype != torch.float16 or not getattr(config, "force_upcast", False):
        return vae.decode(scaled.to(vae.dtype), return_dict=False)[0]
    try:
        vae.to(torch.float32)
        return vae.decode(scaled.to(torch.float32), return_dict=False)[0]
    finally:
        vae.to(torch.float16)


def _per_channel(values: Any, like: Any) -> Any:
    return like.new_tensor(values).view(1, -1, 1, 1)
