"""Options that several commands share."""

from __future__ import annotations

import pytest

from memguard.cli.options import named_values, weights_of
from memguard.errors import ConfigurationError


def test_each_option_names_the_weights_of_its_descriptor() -> None:
    assert weights_of(None, None, None) == {}
    assert weights_of("ViT-B-32:x.pt", None, None) == {"clip": "ViT-B-32:x.pt"}
    given = weights_of("a", "b.onnx", ["dino=c=d", "sscd=e"])
    assert given == {"clip": "a", "sscd": "e", "dino": "c=d"}


@pytest.mark.parametrize("wrong", ["dino", "=c.pt"])
def test_weights_without_a_name_or_a_value(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="--weights takes NAME=WEIGHTS, not"):
        weights_of(None, None, [wrong])


def test_values_may_hold_an_equals_sign() -> None:
    assert named_values("--set", None) == {}
    assert named_values("--set", ["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    with pytest.raises(ConfigurationError, match="--set takes NAME=VALUE, not 'steps'"):
        named_values("--set", ["steps"])
