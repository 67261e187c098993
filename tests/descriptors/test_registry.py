"""Which descriptors there are, memguard's own and a package's, and how they are made and opened."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.installed_packages import install
from PIL import Image

from memguard import Guard, build_index, open_index
from memguard.descriptors import (
    DescriptorSpec,
    load_descriptors,
    new_descriptors,
    weightless_descriptors,
)
from memguard.descriptors.registry import (
    ATTRIBUTES,
    GROUP,
    LEARNED,
    OF_LEARNED,
    WEIGHTLESS,
    descriptor_class,
    known_names,
)
from memguard.errors import ConfigurationError, IndexUnavailableError, WeightsError


def test_what_every_index_holds() -> None:
    specs = [descriptor.spec for descriptor in weightless_descriptors()]
    assert [spec.name for spec in specs] == ["phash64", "phash256", "pixels", "vlad"]
    assert [descriptor.spec for descriptor in load_descriptors(specs)] == specs


def test_a_descriptor_of_the_future() -> None:
    spec = DescriptorSpec("holograms", "cosine", 3, "m", "p")
    with pytest.raises(IndexUnavailableError, match=r"'holograms' .* upgrade memguard"):
        load_descriptors([spec])


def test_a_descriptor_that_is_computed_otherwise_now() -> None:
    spec = dataclasses.replace(weightless_descriptors()[2].spec, preprocessing="8 px square")
    with pytest.raises(WeightsError, match=r"8 px square.*build the index again"):
        load_descriptors([spec])


@pytest.mark.parametrize("name", ["clip", "sscd"])
def test_weights_that_are_gone(name: str) -> None:
    spec = DescriptorSpec(name, "cosine", 512, "ViT-B-32", "p", "/gone/weights.pt", "a" * 64)
    with pytest.raises(WeightsError, match=r"/gone/weights\.pt"):
        load_descriptors([spec])


@pytest.mark.parametrize("name", [*WEIGHTLESS, *LEARNED])
def test_memguards_own_classes_fit(name: str) -> None:
    found = descriptor_class(name)
    assert (found.name, found.learned) == (name, name in LEARNED)
    assert all(hasattr(found, attribute) for attribute in ATTRIBUTES)
    assert all(hasattr(found, attribute) == found.learned for attribute in OF_LEARNED)


def test_without_clip_and_sscd_no_torch_is_loaded() -> None:
    code = (
        "import sys; from memguard.descriptors import new_descriptors; new_descriptors({}); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_classes_are_looked_at_without_torch() -> None:
    """Reports and builds ask a class for its signals; only a model needs torch."""
    code = (
        "import sys; from memguard.descriptors.registry import LEARNED, descriptor_class; "
        "[descriptor_class(name).signals for name in LEARNED]; "
        "sys.exit('torch' in sys.modules or 'open_clip' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("name", ["dino", "pixels"])
def test_weights_for_what_takes_none(name: str) -> None:
    for use in (new_descriptors, lambda weights: load_descriptors([], weights)):
        with pytest.raises(ConfigurationError, match=f"'{name}'.*clip, sscd"):
            use({name: "weights.pt"})


# ---- a package that offers descriptors ----

BRIGHTNESS = '''
from pathlib import Path
import numpy as np
from memguard.descriptors import DescriptorSpec
from memguard.signal_type import DescriptorSignal

class Brightness:
    """A very small grey picture, times a weight."""

    name = "brightness"
    learned = True
    neighbours = 2
    signals = ()
    score_normalised = False
    describes_windows = False

    @classmethod
    def from_weights(cls, weights):
        return cls(weights)

    @classmethod
    def from_spec(cls, spec, weights=None):
        return cls(weights or spec.weights)

    def __init__(self, weights):
        self.weight = float(Path(weights).read_text())
        self.spec = DescriptorSpec(
            "brightness", "cosine", 64, "mean levels", "none", weights, f"{self.weight}"
        )

    @property
    def prepare(self):
        return small

    def describe(self, prepared):
        rows = self.weight * np.stack(prepared)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

def small(picture):
    levels = np.asarray(picture.image.convert("L").resize((8, 8)), np.float32).ravel()
    return levels - levels.mean()

class Corners(Brightness):
    name = "corners"
    learned = False

    def __init__(self):
        self.spec = DescriptorSpec("corners", "cosine", 64, "mean levels", "none")
        self.weight = 1.0

nothing = 3
class Lacking:
    name = "lacking"
    learned = True

class Misnamed(Corners):
    name = "misnamed"
    signals = (DescriptorSignal("corner_distance", "corners"),)

class Structure(Corners):
    name = "structure"
    signals = (DescriptorSignal("structure", "corners"),)

class Unlearned:
    name = "unlearned"
    learned = True
    neighbours = score_normalised = describes_windows = describe = signals = 1
'''


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(path)
    return path


def test_a_package_offers_descriptors_that_an_index_holds(
    site: Path, folder: Path, tmp_path: Path
) -> None:
    install(site, "bright_one", BRIGHTNESS, GROUP, brightness="Brightness", corners="Corners")
    assert known_names() == [*WEIGHTLESS, *LEARNED, "brightness", "corners"]
    (tmp_path / "weights").write_text("2.0")
    weights = {"corners": "", "brightness": str(tmp_path / "weights")}
    build_index(folder, tmp_path / "index", weights=weights, calibrate=False, workers=0)
    index = open_index(tmp_path / "index")
    assert [spec.name for spec in index.specs] == [*WEIGHTLESS, "brightness", "corners"]

    (tmp_path / "weights").rename(tmp_path / "moved")
    guard = Guard(index, weights={"brightness": str(tmp_path / "moved")})
    (verdict,) = guard.check(Image.open(index.take([3])[0].uri))
    assert verdict.matches[0].distances["brightness"] == pytest.approx(0, abs=1e-5)
    assert verdict.matches[0].distances["corners"] == pytest.approx(0, abs=1e-5)

    (tmp_path / "moved").write_text("3.0")
    with pytest.raises(WeightsError, match=r"(?s)sha256 2\.0.*sha256 3\.0"):
        Guard(index, weights={"brightness": str(tmp_path / "moved")})


def test_a_signal_that_clashes_is_found_before_images_are_read(
    site: Path, folder: Path, tmp_path: Path
) -> None:
    install(site, "bright_six", BRIGHTNESS, GROUP, structure="Structure")
    with pytest.raises(ConfigurationError, match="two signals are named 'structure'"):
        build_index(folder, tmp_path / "index", weights={"structure": ""}, calibrate=False)
    assert not (tmp_path / "index").exists()


def test_a_package_without_weights_takes_none(site: Path) -> None:
    install(site, "bright_two", BRIGHTNESS, GROUP, corners="Corners")
    assert new_descriptors({"corners": ""})[-1].spec.name == "corners"
    assert len(new_descriptors({})) == len(WEIGHTLESS), "installing it does not change builds"
    with pytest.raises(ConfigurationError, match=r'corners has no weights: .*\{"corners": ""\}'):
        new_descriptors({"corners": "file.pt"})


def test_names_that_clash(site: Path) -> None:
    install(site, "bright_three", BRIGHTNESS, GROUP, clip="Brightness")
    with pytest.raises(
        ConfigurationError, match=r"bright_three and memguard both .*'clip' .*: unin"
    ):
        new_descriptors({})


def test_two_packages_that_offer_one_name(site: Path) -> None:
    install(site, "bright_four", BRIGHTNESS, GROUP, corners="Corners")
    install(site, "bright_five", BRIGHTNESS, GROUP, corners="Corners")
    with pytest.raises(ConfigurationError, match=r"bright_\w+ and the package bright_\w+ both"):
        load_descriptors([])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lacking", "Lacking", "Lacking lacks neighbours, .*: upgrade or uninstall it"),
        ("nothing", "nothing", "nothing is not a class: upgrade"),
        ("absent", "absent", "cannot be imported .*: upgrade or uninstall it"),
        ("dark", "Brightness", "Brightness is offered as .* 'dark', but its name is 'brightness'"),
        ("misnamed", "Misnamed", "declares the signal 'corner_distance'.*only 'misnamed' and"),
        ("unlearned", "Unlearned", "Unlearned lacks from_weights, from_spec: upgrade"),
    ],
)
def test_offers_that_do_not_fit(site: Path, name: str, value: str, message: str) -> None:
    install(site, f"bright_{name}", BRIGHTNESS, GROUP, **{name: value})
    assert len(new_descriptors({})) == len(WEIGHTLESS), "others are not in its way"
    with pytest.raises(ConfigurationError, match=f"(?s){message}"):
        new_descriptors({name: "weights.pt"})
