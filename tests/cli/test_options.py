"""Options that several commands share."""

import json

import pytest
import typer
from typer.testing import CliRunner

from memguard.cli.options import BareSscd, Sscd, named_values, weights_of
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


@pytest.mark.parametrize(
    ("arguments", "weights"),
    [
        (["--sscd"], "pulled"),
        (["--sscd", "--output", "x"], "pulled"),
        (["--sscd", "x.pt"], "x.pt"),
        (["--sscd=installed"], "installed"),
        ([], None),
    ],
)
def test_sscd_may_have_no_value(arguments: list[str], weights: str | None) -> None:
    app = typer.Typer()

    @app.command(cls=BareSscd)
    def build(images: str, sscd: Sscd = None, output: str = "") -> None:
        print(json.dumps([images, sscd, output]))

    done = CliRunner().invoke(app, ["photos", *arguments])
    assert json.loads(done.output) == ["photos", weights, "x" if "--output" in arguments else ""]
