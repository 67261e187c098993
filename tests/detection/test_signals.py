"""The table of signals: names, default thresholds, and signals of installed packages."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.installed_packages import install
from numpy.typing import NDArray
from PIL import Image

from memguard.descriptors import weightless_descriptors
from memguard.descriptors.clip import Clip
from memguard.descriptors.sscd import Sscd
from memguard.detection.picture_pair import PicturePair
from memguard.detection.signals import (
    GROUP,
    CopyEvidence,
    SharedRegion,
    added_evidence,
    default_thresholds,
    signal_table,
)
from memguard.errors import ConfigurationError
from memguard.signal_type import SignalType
from memguard.vision.picture import Picture


@pytest.fixture(scope="module")
def table() -> dict[str, SignalType]:
    return signal_table([*weightless_descriptors(), Clip, Sscd])


def test_flagging_takes_less_than_blocking(table: dict[str, SignalType]) -> None:
    for name, limit in default_thresholds(table).items():
        assert limit.memorized is None or limit.memorized < limit.similar, name


def test_clip_alone_only_flags(table: dict[str, SignalType]) -> None:
    defaults = default_thresholds(table)
    assert [name for name, limit in defaults.items() if limit.memorized is None] == ["clip"]
    assert [name for name in defaults if not table[name].may_block] == ["clip"]


def test_what_blocks_comes_first(table: dict[str, SignalType]) -> None:
    """The order in which a verdict lists its signals."""
    assert list(default_thresholds(table)) == [
        "copy_evidence",
        "sscd",
        "sscd_normalised",
        "clip",
    ]


def test_every_signal_says_what_it_measures(table: dict[str, SignalType]) -> None:
    for name, signal in table.items():
        assert signal.name == name
        assert signal.words, name
    assert {name for name, signal in table.items() if signal.counts_bits} == {
        "phash64",
        "phash256",
    }


def test_two_signals_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="two signals are named 'clip_normalised'"):
        signal_table([Clip, Clip])


def shared_region(query: Image.Image, reference: Image.Image) -> float:
    return SharedRegion().measure(PicturePair(Picture(query), Picture(reference)))


def test_a_picture_s_shared_region_with_itself_is_the_least(cat: Image.Image) -> None:
    assert shared_region(cat, cat) == SharedRegion.least


def test_the_shared_region_of_a_template_copy_blocks(
    astronaut: NDArray[np.uint8], cat: Image.Image
) -> None:
    """Half of the picture is another one: its layout as a whole is not evidence enough."""
    template = astronaut.copy()
    template[:, 128:] = np.asarray(cat.resize((128, 256)))
    found = shared_region(Image.fromarray(template), Image.fromarray(astronaut))
    block = default_thresholds(signal_table([]))["copy_evidence"].memorized
    assert block is not None
    assert found < 1.5 * block
    pair = PicturePair(Picture(Image.fromarray(template)), Picture(Image.fromarray(astronaut)))
    assert 1 - float(pair.query.coarse @ pair.reference.coarse) > 0.3


def test_the_shared_region_of_strangers_is_hardly_evidence(
    photographs: dict[str, Image.Image],
) -> None:
    flag = default_thresholds(signal_table([]))["copy_evidence"].similar
    for query, reference in itertools.permutations(photographs.values(), 2):
        assert flag / 2 < shared_region(query, reference) <= 1


def test_without_an_alignment_there_is_no_shared_region(cat: Image.Image) -> None:
    assert shared_region(Image.new("RGB", (90, 60), "teal"), cat) == 0


def test_copy_evidence_adds_up() -> None:
    """Of each signal what lies below its start, times its weight; nothing for what lies above."""
    near = {
        "shared_region": -10.0,
        "structure": 0.3,
        "structure_and_l2": 0.5,
        "phash256": 60.0,
        "pixels": 0.15,
        "sscd": 0.4,
    }
    far = {
        "shared_region": 0.5,
        "structure": 0.6,
        "structure_and_l2": 0.8,
        "phash256": 120.0,
        "pixels": 0.3,
        "sscd": 0.9,
    }
    without_weights = {name: near[name] for name in near if name != "sscd"}
    found = CopyEvidence().measure([near, far, without_weights])
    weightless = -10 - 40 * 0.2 - 40 * 0.2 - 0.25 * 40 - 80 * 0.1
    assert found == pytest.approx([weightless - 30 * 0.4, 0.5, weightless])


@pytest.mark.parametrize(("foreground", "share"), [(0.2, 1), (1 / 3, 1), (2 / 3, 0.5), (1, 0)])
def test_the_layout_counts_as_far_as_foregrounds_agree(foreground: float, share: float) -> None:
    """What is aligned, and embeddings, count in full: they do not live on outlines."""
    distances = {
        "foreground": foreground,
        "structure": 0.3,
        "structure_and_l2": 0.5,
        "phash256": 60.0,
        "pixels": 0.15,
        "sscd": 0.4,
    }
    added = added_evidence(distances)
    assert added.pop("sscd") == pytest.approx(30 * 0.4)
    whole = {"structure": 8, "structure_and_l2": 8, "phash256": 10, "pixels": 8}
    assert added == pytest.approx({name: share * value for name, value in whole.items()})


BRIGHTNESS = """
from memguard.detection.signals import PictureSignal
from memguard.signal_type import Threshold


class Brightness(PictureSignal):
    name = "brightness"
    words = "difference of the mean levels"
    default = Threshold(similar=0.02, memorized=0.01)

    def measure(self, pair):
        return float(abs(pair.query.square.mean() - pair.reference.square.mean()))


class Unnamed(Brightness):
    name = "darkness"


class OfNumPy(Brightness):
    name = "brightness_of_numpy"

    def measure(self, pair):
        return abs(pair.query.square.mean() - pair.reference.square.mean())


class Broken(Brightness):
    def measure(self, pair):
        return float("nan")
"""

CHECK = """
import json
import sys
from PIL import Image
from memguard.calibration.load import calibrated_detector
from memguard.index.open import open_index

detector = calibrated_detector(open_index(sys.argv[1]))
(verdict,) = detector.detect([Image.open(sys.argv[2])])
print(json.dumps({one.name: one.distance for one in verdict.signals}))
"""

OFFERS = """
import sys
from memguard.detection.signals import signal_table
from memguard.errors import ConfigurationError

for site in sys.argv[1:]:
    sys.path.insert(0, site)
    try:
        signal_table([])
    except ConfigurationError as error:
        print(str(error).replace("\\n", " "))
    sys.path.remove(site)
"""


def run_with_packages(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, as the table of signals is made once."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_package_offers_signals_that_decide(
    gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One gives a float, the other a number of numpy."""
    offers = {"brightness": "Brightness", "brightness_of_numpy": "OfNumPy"}
    install(tmp_path, "bright", BRIGHTNESS, GROUP, **offers)
    monkeypatch.syspath_prepend(tmp_path)
    done = run_with_packages(CHECK, gallery, gallery.parent / "images" / "coffee.png")
    assert done.returncode == 0, done.stderr
    distances = json.loads(done.stdout)
    for name in offers:
        assert distances[name] == pytest.approx(0, abs=0.01), "the reference is the thumbnail"


def test_nan_fails_the_check(
    gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is within no threshold, so it would let a copy pass."""
    install(tmp_path, "bright", BRIGHTNESS, GROUP, brightness="Broken")
    monkeypatch.syspath_prepend(tmp_path)
    done = run_with_packages(CHECK, gallery, gallery.parent / "images" / "coffee.png")
    assert done.returncode == 1
    assert "the signal brightness measured NaN" in done.stderr


def test_offers_that_do_not_fit(tmp_path: Path) -> None:
    offers = [
        ("brightness", "Unnamed", "must be a PictureSignal or a RelativeSignal of that name"),
        ("brightness", "Threshold", "lacks name, words, measure"),
        ("brightness", "absent", "cannot be imported"),
        ("l2", "Brightness", "and memguard both offer 'l2'"),
    ]
    sites = [tmp_path / str(number) for number in range(len(offers))]
    for site, (name, attribute, _) in zip(sites, offers):
        site.mkdir()
        install(site, "bright", BRIGHTNESS, GROUP, **{name: attribute})
    done = run_with_packages(OFFERS, *sites)
    assert done.returncode == 0, done.stderr
    for said, (*_, message) in zip(done.stdout.splitlines(), offers, strict=True):
        assert message in said
