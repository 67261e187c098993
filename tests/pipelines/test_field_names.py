"""The names of the fields of outputs, and of what a pipeline returns as a tuple."""

from __future__ import annotations

import pytest
from fixtures.tiny_pipelines import flux, stable_diffusion
from fixtures.tiny_video import TinyVideoPipeline

from memguard.pipelines.field_names import fields_of_pipeline, shows_no_pictures


@pytest.mark.parametrize(
    "name", ["audio", "prompt_embeds", "negative_prompt_embeds", "c2w", "text"]
)
def test_sound_text_and_embeddings_show_nothing(name: str) -> None:
    assert shows_no_pictures(name)


@pytest.mark.parametrize("name", ["images", "texture", "frames", "prediction", "masked_image", 7])
def test_other_fields_may_show_pictures(name: object) -> None:
    assert not shows_no_pictures(name)


def test_a_pipeline_names_what_it_returns_as_a_tuple() -> None:
    assert fields_of_pipeline(TinyVideoPipeline([1])) == ("frames",)
    assert fields_of_pipeline(stable_diffusion()) == ("images", "nsfw_content_detected")
    assert fields_of_pipeline(flux()) == ("images",)
    assert fields_of_pipeline(lambda: 0) == ()


def test_a_pipeline_of_a_file_that_is_no_known_module() -> None:
    """As loaders of plugins make them."""
    loaded = type("Plugin", (), {"__module__": "plugins.unknown"})
    assert fields_of_pipeline(loaded()) == ()
