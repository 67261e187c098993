"""The text guidance in verdicts: shown, flagged where calibrated, and never what decides."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from fixtures.calibrations import EXAMPLE
from fixtures.guarded_images import QUICK, drawing, generator, is_blank, shows_the_sea
from fixtures.seeded_models import PIXELS
from fixtures.tiny_pipelines import flux
from fixtures.tiny_text_encoders import TEXT_LENGTH

from memguard import (
    ConfigurationError,
    Guard,
    Policy,
    SafetyChecker,
    Verdict,
    audit,
    guard,
    guarded,
)
from memguard.calibration.rates import Rate
from memguard.calibration.text_guidance import GuidanceThreshold
from memguard.index.open import open_writer
from memguard.index.store.documents import CALIBRATION
from memguard.sampling.text_guidance import reading
from memguard.signal_type import Threshold

PROMPT = "a painting of a lake"
DEFAULTS = {"copy_evidence": Threshold(-16.0, -24.0)}


def novel() -> torch.Generator:
    """A generator with which the tiny pipeline makes no copy."""
    return torch.Generator().manual_seed(99)


def guidance_of(pipeline: Any, prompt: str = PROMPT) -> Any:
    """What is read of a call without a guard."""
    with reading(pipeline) as seen:
        pipeline(prompt, **QUICK, generator=novel())
    return seen.text_guidance


@pytest.fixture
def calibrated(own_index: Path, pipeline: Any) -> Any:
    """An index whose calibration flags prompts above a multiple of what PROMPT shows."""
    (measured,) = guidance_of(pipeline)

    def at(multiple: float) -> Path:
        threshold = GuidanceThreshold(
            threshold=multiple * measured.value,
            target=0.01,
            prompts=300,
            needed=300,
            observed=Rate.of(2, 300),
            timestep=measured.timestep,
            read="pair",
        )
        stored = msgspec.structs.replace(
            EXAMPLE, thresholds=DEFAULTS, records=7, text_guidance=threshold
        )
        open_writer(own_index).write_document(CALIBRATION, stored.to_bytes())
        return own_index

    return at


def test_every_verdict_shows_what_was_read(pipeline: Any, index: Path) -> None:
    safe = guard(pipeline, index, prompt_signal=True)
    asked = {**QUICK, "num_images_per_prompt": 2}
    output = safe([PROMPT, "a cat"], **asked, generator=generator())
    with reading(pipeline) as seen:
        pipeline([PROMPT, "a cat"], **asked, generator=generator())
    assert [one.text_guidance for one in output.memorization] == seen.text_guidance
    assert len(seen.text_guidance) == 4
    again = Verdict.from_json(json.loads(json.dumps(output.memorization[0].to_json())))
    assert again == output.memorization[0]
    assert again.text_guidance is not None


def test_without_being_asked_nothing_is_read(pipeline: Any, index: Path) -> None:
    output = guard(pipeline, index)(PROMPT, **QUICK, generator=generator())
    assert output.memorization[0].text_guidance is None
    assert "text_guidance" not in output.memorization[0].to_json()


def test_without_a_calibration_nothing_is_flagged(pipeline: Any, index: Path) -> None:
    output = guard(pipeline, index, prompt_signal=True)(PROMPT, **QUICK, generator=generator())
    measured = output.memorization[0].text_guidance
    assert (measured.threshold, measured.flagged) == (None, False)


@pytest.mark.parametrize(("multiple", "flagged"), [(0.9, True), (1.1, False)])
def test_a_flagged_prompt_is_told_and_its_image_shown(
    pipeline: Any,
    calibrated: Any,
    caplog: pytest.LogCaptureFixture,
    multiple: float,
    flagged: bool,
) -> None:
    strict = Policy("block", at="similar")
    safe = guard(pipeline, calibrated(multiple), policy=strict, prompt_signal=True)
    with caplog.at_level(logging.INFO, "memguard"):
        output = safe(PROMPT, **QUICK, generator=novel())
    (verdict,) = output.memorization
    assert (verdict.label, verdict.text_guidance.flagged) == ("clear", flagged)
    assert not is_blank(output.images[0])
    assert ("text guidance" in caplog.text) == flagged


def test_another_first_step_is_not_judged(pipeline: Any, calibrated: Any) -> None:
    """More steps begin at a later timestep here, as this schedule counts from the end."""
    safe = guard(pipeline, calibrated(0.01), prompt_signal=True)
    one, many = (
        safe(PROMPT, **{**QUICK, "num_inference_steps": steps}, generator=novel())
        for steps in (1, 10)
    )
    assert one.memorization[0].text_guidance.flagged
    assert many.memorization[0].text_guidance.threshold is None


def test_a_copy_is_withheld_as_ever(pipeline: Any, index: Path) -> None:
    assert not shows_the_sea(guard(pipeline, index, prompt_signal=True))


def test_what_is_made_again_is_read_again(pipeline: Any, index: Path) -> None:
    entries: list[Any] = []
    safe = guard(pipeline, index, policy="regenerate", prompt_signal=True, audit_log=entries.append)
    output = safe("the sea", **QUICK, generator=generator())
    assert output.memorization[0].attempt == 1
    with reading(pipeline) as seen:
        pipeline("the sea", **QUICK, generator=generator())
    (first,) = seen.text_guidance
    logged = [entry["text_guidance"]["value"] for entry in entries]
    assert logged == [first.value, output.memorization[0].text_guidance.value]
    assert logged[0] != logged[1]


def test_the_extra_forward_is_made_only_if_asked(index: Path) -> None:
    pipe = flux()
    pipe.transformer = type(pipe.transformer).from_config(
        pipe.transformer.config, guidance_embeds=True
    )
    asked = {**QUICK, "height": PIXELS, "width": PIXELS, "max_sequence_length": TEXT_LENGTH}
    read = {
        signal: guard(pipe, index, prompt_signal=signal)(PROMPT, **asked).memorization[0]
        for signal in (True, "extra forward")
    }
    assert read[True].text_guidance is None
    assert read["extra forward"].text_guidance.read == "guidance input"


def test_what_has_no_denoiser_is_refused(index: Path) -> None:
    with pytest.raises(ConfigurationError, match="unet or transformer"):
        guard(lambda: drawing(1), index, prompt_signal=True)
    with pytest.raises(ConfigurationError, match="unet or transformer"):
        guarded(index, prompt_signal=True)(lambda: drawing(1))
    with pytest.raises(ConfigurationError, match="unet or transformer"):
        SafetyChecker(index, prompt_signal=True)
    with pytest.raises(ConfigurationError, match="extra forward"):
        Guard(index, prompt_signal="always")


def test_a_pickled_guard_still_reads(pipeline: Any, index: Path) -> None:
    again = pickle.loads(pickle.dumps(Guard(index, prompt_signal=True)))
    _, (verdict,) = again.call(pipeline, PROMPT, **QUICK, generator=generator())
    assert verdict.text_guidance is not None


def test_an_audit_ranks_a_pipeline_whose_guard_reads_too(
    pipeline: Any, index: Path, tmp_path: Path
) -> None:
    safe = guard(pipeline, index, prompt_signal=True)
    result = audit(
        safe,
        [PROMPT, "a cat"],
        output=tmp_path,
        images_per_prompt=2,
        budget=2,
        arguments=QUICK,
    )
    (reached,) = result.prompts
    assert reached.text_guidance is not None
    assert reached.text_guidance > 0
