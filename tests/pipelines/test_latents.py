"""Latents decoded for the check show what the pipeline itself would show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from fixtures.tiny_pipelines import PIPELINES, PIXELS, TinyPipeline, ddpm, flux, stable_diffusion_xl
from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.call import Call
from memguard.pipelines.latents import latent_reader
from memguard.pipelines.levels import NOT_FINITE
from memguard.pipelines.pictures import Unreadable

LATENT = [tiny for tiny in PIPELINES if tiny.latent]


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in (3, 4)]


@pytest.fixture(scope="module", params=LATENT, ids=lambda tiny: tiny.name)
def tiny(request: pytest.FixtureRequest) -> tuple[TinyPipeline, Any]:
    return request.param, request.param.build()


def run(tiny: TinyPipeline, pipeline: Any, **more: Any) -> tuple[Any, Call]:
    arguments = {**tiny.arguments, tiny.several: 2, "generator": generators(), **more}
    call = Call(pipeline, (), arguments)
    return call.run(), call


def test_pictures_are_the_pipelines_own(tiny: tuple[TinyPipeline, Any]) -> None:
    shown, _ = run(*tiny, output_type="pil")
    output, call = run(*tiny, output_type="latent")
    seen = latent_reader(tiny[1], call)(output).pictures
    for ours, theirs in zip(seen, shown.images, strict=True):
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))


def test_latents_are_the_pieces(tiny: tuple[TinyPipeline, Any]) -> None:
    output, call = run(*tiny, output_type="latent", return_dict=False)
    latents = output[0].clone()
    apart = latent_reader(tiny[1], call)(output)
    assert torch.equal(torch.stack(apart.pieces), latents)
    changed = apart.replaced({0: apart.rendered(0, Image.new("RGB", (1, 1)))})
    assert isinstance(changed, tuple)
    assert changed[0].dtype == latents.dtype
    assert not changed[0][0].any()
    assert torch.equal(changed[0][1], latents[1])
    assert torch.equal(output[0], latents), "the pipeline's own latents changed"
    assert apart.replaced({}) is output


def test_packed_latents_that_are_not_square() -> None:
    pipeline = flux()
    tiny = next(tiny for tiny in LATENT if tiny.name == "flux")
    shown, _ = run(tiny, pipeline, output_type="pil", width=2 * PIXELS)
    output, call = run(tiny, pipeline, output_type="latent", width=2 * PIXELS)
    (picture, _) = latent_reader(pipeline, call)(output).pictures
    assert picture.size == (2 * PIXELS, PIXELS)
    assert np.array_equal(np.asarray(picture), np.asarray(shown.images[0]))


@pytest.fixture
def overflowing() -> Any:
    """An SDXL whose VAE needs more range than half precision has, as the published one does."""
    pipeline = stable_diffusion_xl()
    with torch.no_grad():  # the next normalisation takes the factor out again
        pipeline.vae.decoder.conv_in.weight.mul_(1e5)
        pipeline.vae.decoder.conv_in.bias.mul_(1e5)
    return pipeline


def test_a_vae_that_overflows_in_half_precision_is_decoded_in_single(overflowing: Any) -> None:
    overflowing.vae.to(torch.float16)
    with torch.no_grad():
        latents = torch.randn(1, 4, 8, 8).half()
        assert not torch.isfinite(overflowing.vae.decode(latents).sample).all()
        apart = latent_reader(overflowing, Call(overflowing, (), {}))((latents,))
    assert np.ptp(np.asarray(apart.pictures[0])) > 100
    assert overflowing.vae.dtype == torch.float16


def test_latents_that_decode_to_no_finite_image_are_unreadable(overflowing: Any) -> None:
    overflowing.vae.register_to_config(force_upcast=False)
    overflowing.vae.to(torch.float16)
    latents = torch.randn(2, 4, 8, 8).half()
    apart = latent_reader(overflowing, Call(overflowing, (), {}))((latents,))
    assert list(apart.pictures) == [Unreadable(NOT_FINITE)] * 2


def test_no_vae_is_said_before_anything_runs() -> None:
    pipeline = ddpm()
    with pytest.raises(UnsupportedOutputError, match=r"DDPMPipeline has no VAE.*pil"):
        latent_reader(pipeline, Call(pipeline, (), {}))


@pytest.mark.parametrize("shape", [(1, 4, 3, 8, 8), (1, 7, 16), (1, 3, 8, 8)])
def test_latents_of_an_unknown_kind_are_refused(shape: tuple[int, ...]) -> None:
    pipeline = flux()
    read = latent_reader(pipeline, Call(pipeline, (), {}))
    with pytest.raises(UnsupportedOutputError, match="FluxPipeline could not be decoded"):
        read((torch.zeros(shape),))
