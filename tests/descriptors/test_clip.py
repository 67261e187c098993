"""CLIP embeddings against open_clip itself, on tiny checkpoints that open_clip wrote."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import open_clip
import pytest
import torch
from fixtures import tiny_models
from fixtures.loopback import served
from open_clip.transform import image_transform_v2
from PIL import Image
from safetensors.torch import save_file

from memguard.descriptors import load_descriptors
from memguard.descriptors.clip import Clip, find, pull, split
from memguard.errors import ConfigurationError, WeightsError
from memguard.files import sha256
from memguard.index.open import open_index
from memguard.index.store.canary import CANARIES
from memguard.lifecycle import build_index
from memguard.vision.picture import Picture

SIGLIP = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
PADDED = {"interpolation": "bilinear", "resize_mode": "longest", "fill_color": 114}
CLOSE = 1e-5


@pytest.fixture(scope="module", autouse=True)
def architecture(tmp_path_factory: pytest.TempPathFactory) -> None:
    tiny_models.register_architecture(tmp_path_factory.mktemp("architectures"))


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return tiny_models.new_clip()


@pytest.fixture(scope="module")
def checkpoint(network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    torch.save(network.state_dict(), path)
    return path


@torch.inference_mode()
def reference(network: Any, images: list[Image.Image]) -> np.ndarray:
    """open_clip's own preprocessing and encoder."""
    transform = image_transform_v2(
        open_clip.transform.PreprocessCfg(**open_clip.get_model_preprocess_cfg(network)),
        is_train=False,
    )
    return network.encode_image(
        torch.stack([transform(image) for image in images]), normalize=True
    ).numpy()


def embed(clip: Clip, images: list[Image.Image]) -> np.ndarray:
    return clip.describe([clip.prepare(Picture(image)) for image in images])


def test_a_plain_state_dict(
    photographs: dict[str, Image.Image], network: torch.nn.Module, checkpoint: Path
) -> None:
    clip = Clip(tiny_models.ARCHITECTURE, str(checkpoint), device="cpu")
    images = list(photographs.values())
    rows = embed(clip, images)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, reference(network, images), atol=CLOSE)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=CLOSE)
    assert clip.spec.dimension == 24
    assert clip.spec.weights_sha256 == sha256(checkpoint)
    assert clip.spec.model == tiny_models.ARCHITECTURE
    assert "32 px square, shortest, bicubic" in clip.spec.preprocessing


def test_more_images_than_a_batch_keep_their_order(
    photographs: dict[str, Image.Image], network: torch.nn.Module, checkpoint: Path
) -> None:
    cat = photographs["chelsea.png"]
    images = [cat.crop((left, 0, left + 60, 90)) for left in range(0, 350, 5)]
    clip = Clip(tiny_models.ARCHITECTURE, str(checkpoint), device="cpu")
    np.testing.assert_allclose(embed(clip, images), reference(network, images), atol=CLOSE)


def test_safetensors(cat: Image.Image, network: torch.nn.Module, tmp_path: Path) -> None:
    save_file(network.state_dict(), tmp_path / "tiny.safetensors")
    clip = Clip(tiny_models.ARCHITECTURE, str(tmp_path / "tiny.safetensors"), device="cpu")
    np.testing.assert_allclose(embed(clip, [cat]), reference(network, [cat]), atol=CLOSE)


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("preprocess", [SIGLIP, PADDED])
def test_a_directory_says_its_own_model_and_preprocessing(
    photographs: dict[str, Image.Image],
    network: torch.nn.Module,
    tmp_path: Path,
    preprocess: dict[str, Any],
    safe: bool,
) -> None:
    folder = tiny_models.write_clip_directory(tmp_path / "dir", network, preprocess, safe=safe)
    own, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    images = [photographs["chelsea.png"], photographs["coffee.png"].crop((0, 0, 90, 300))]
    with torch.inference_mode():
        pixels = torch.stack([transform(image) for image in images])
        expected = own.eval().encode_image(pixels, normalize=True).numpy()
    clip = Clip(weights=str(folder), device="cpu")
    np.testing.assert_allclose(embed(clip, images), expected, atol=CLOSE)
    assert preprocess["resize_mode"] in clip.spec.preprocessing


def test_a_directory_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no open_clip_model.safetensors or .*\.bin"):
        Clip(weights=str(tmp_path))


def test_a_checkpoint_of_another_architecture(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match=r"tiny\.pt does not load as CLIP .*--clip"):
        Clip("ViT-S-32", str(checkpoint))


class Malicious:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    for name in ("evil.pt", "evil.bin"):
        torch.save({"state_dict": Malicious(tmp_path / "ran")}, tmp_path / name)
        with pytest.raises(WeightsError, match="does not load"):
            Clip(tiny_models.ARCHITECTURE, str(tmp_path / name))
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert (tmp_path / "ran").exists(), "the payload is real"


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.pt").write_text("<html>404</html>")
    with pytest.raises(WeightsError, match=r"page\.pt does not load"):
        Clip(tiny_models.ARCHITECTURE, str(tmp_path / "page.pt"))


def test_a_name_that_is_neither_file_nor_tag() -> None:
    with pytest.raises(WeightsError, match=r"'nonesuch' is neither a file nor .*laion2b_s34b_b79k"):
        find("ViT-B-32", "nonesuch")


def test_an_index_opens_with_its_weights_wherever_they_are_and_with_no_others(
    folder: Path, checkpoint: Path, tmp_path: Path
) -> None:
    output = tmp_path / "clip.memguard"
    build_index(
        folder,
        output,
        weights={"clip": f"{tiny_models.ARCHITECTURE}:{checkpoint}"},
        calibrate=False,
        workers=0,
    )
    index = open_index(output)
    moved, other = tmp_path / "moved.pt", tmp_path / "other.pt"
    moved.write_bytes(checkpoint.read_bytes())
    torch.save(tiny_models.new_clip(seed=1).state_dict(), other)

    loaded = load_descriptors(index.specs, {"clip": str(moved)})
    record = index.take([CANARIES])[0]
    with Image.open(record.uri) as image:
        row = embed(loaded[-1], [image.convert("RGB")])
    found, rows = index.search("clip", row, 1)
    assert rows[0, 0] == CANARIES
    assert found[0, 0] == pytest.approx(0, abs=1e-3)

    both = f"(?s){sha256(checkpoint)}.*{sha256(other)}"
    with pytest.raises(WeightsError, match=both):
        load_descriptors(index.specs, {"clip": str(other)})
    with pytest.raises(WeightsError, match=both):
        build_index(
            folder, output, weights={"clip": f"{tiny_models.ARCHITECTURE}:{other}"}, workers=0
        )


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of huggingface.co as its client asks for, counting the requests."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        file = self.files.get(self.path)
        self.send_response(404 if file is None else 200)
        if file is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        else:
            self.send_header("ETag", f'"{hashlib.sha256(file).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(file or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(file or b"")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    """A real HTTP server in the place of huggingface.co, and an empty cache."""
    with served(Hub) as place:
        address = f"http://{place}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        Hub.files.clear()
        Hub.asked.clear()
        yield Hub


@pytest.fixture
def no_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's client sleeps before each retry."""
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it waits for a retry"))


LAION = "/laion/CLIP-ViT-B-32-laion2B-s34B-b79K/resolve/main/"


def test_pull_downloads_a_hub_directory_and_clip_finds_it_offline(
    network: torch.nn.Module, cat: Image.Image, tmp_path: Path, hub: type[Hub]
) -> None:
    folder = tiny_models.write_clip_directory(tmp_path / "dir", network, SIGLIP, safe=False)
    for file in folder.iterdir():
        hub.files[f"/org/tiny/resolve/main/{file.name}"] = file.read_bytes()
    assert find("ViT-B-32", "hf-hub:org/tiny") is None
    assert not hub.asked, "find asks nobody"
    pulled = pull("ViT-B-32", "hf-hub:org/tiny")
    assert pulled.is_relative_to(tmp_path / "cache")
    assert sha256(pulled) == sha256(folder / "open_clip_pytorch_model.bin")

    hub.asked.clear()
    assert pull("ViT-B-32", "hf-hub:org/tiny") == pulled
    clip = Clip("ViT-B-32", "hf-hub:org/tiny", device="cpu")
    local = Clip(weights=str(folder), device="cpu")
    np.testing.assert_array_equal(embed(clip, [cat]), embed(local, [cat]))
    assert not hub.asked, "what was pulled is used without the network"


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_pull_downloads_a_tag(hub: type[Hub], name: str) -> None:
    hub.files[LAION + name] = b"weights"
    assert find("ViT-B-32", "laion2b_s34b_b79k") is None
    pulled = pull("ViT-B-32", "laion2b_s34b_b79k")
    assert (pulled.name, pulled.read_bytes()) == (name, b"weights")
    found = find("ViT-B-32", "laion2b_s34b_b79k")
    assert found is not None
    assert found.file == pulled
    assert found.preprocessing["mean"] == open_clip.OPENAI_DATASET_MEAN


@pytest.mark.usefixtures("no_retry")
def test_weights_that_the_hub_does_not_have(hub: type[Hub]) -> None:
    with pytest.raises(WeightsError, match="Three ways on"):
        pull("ViT-B-32", "laion2b_s34b_b79k")
    assert [line.partition(" ")[2] for line in hub.asked] == [
        f"{LAION}open_clip_model.safetensors",
        f"{LAION}open_clip_pytorch_model.bin",
    ]


@pytest.mark.usefixtures("hub")
def test_a_cache_filled_elsewhere_is_found(network: torch.nn.Module, tmp_path: Path) -> None:
    """The cache's layout as huggingface_hub documents it: copied from a machine with a network."""
    repo = tmp_path / "cache" / "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K"
    snapshot = repo / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("a" * 40)
    save_file(network.state_dict(), snapshot / "open_clip_model.safetensors")
    found = find("ViT-B-32", "laion2b_s34b_b79k")
    assert found is not None
    assert found.file == snapshot / "open_clip_model.safetensors"


@pytest.mark.usefixtures("no_retry")
def test_absent_weights_stop_a_build_at_once_before_any_image_is_read(
    folder: Path, tmp_path: Path, hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens where the hub should be, as on a machine without a network."""
    read: list[Path] = []
    monkeypatch.setattr(Path, "read_bytes", read.append)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}",
    )
    with pytest.raises(WeightsError, match=r"Three ways on: .*PATH; .*models pull.*; .*--no-clip"):
        build_index(folder, tmp_path / "none.memguard", workers=0)
    assert not hub.asked
    assert not read
    assert not (tmp_path / "none.memguard").exists()


def test_pull_of_a_file_is_that_file(checkpoint: Path) -> None:
    assert pull(tiny_models.ARCHITECTURE, str(checkpoint)) == checkpoint


def test_directory_config_with_random_interpolation(
    cat: Image.Image, network: torch.nn.Module, tmp_path: Path
) -> None:
    """open_clip takes "random" (drawn in training) as bicubic at inference."""
    config = {"interpolation": "random", "resize_mode": "shortest"}
    folder = tiny_models.write_clip_directory(tmp_path / "dir", network, config)
    assert json.loads((folder / "open_clip_config.json").read_text())["preprocess_cfg"] == config
    clip = Clip(weights=str(folder), device="cpu")
    np.testing.assert_allclose(embed(clip, [cat]), reference(network, [cat]), atol=CLOSE)


def test_weights_for_a_new_index_name_the_architecture(
    network: torch.nn.Module, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_models.write_clip_directory(tmp_path / "my-clip", network, SIGLIP)
    monkeypatch.chdir(tmp_path)
    assert split("ViT-B-32:laion2b_s34b_b79k") == ("ViT-B-32", "laion2b_s34b_b79k")
    assert split("ViT-B-32:hf-hub:org/tiny") == ("ViT-B-32", "hf-hub:org/tiny")
    assert split("hf-hub:org/tiny") == ("hf-hub:org/tiny", "hf-hub:org/tiny")
    assert split("my-clip") == ("my-clip", "my-clip")

    clip = Clip.from_weights("my-clip")
    assert (clip.spec.model, clip.spec.weights) == ("my-clip", str(folder))
    clip = Clip.from_weights(f"{tiny_models.ARCHITECTURE}:{checkpoint}")
    assert (clip.spec.model, clip.spec.weights) == (tiny_models.ARCHITECTURE, str(checkpoint))
    for again in (None, str(checkpoint), f"{tiny_models.ARCHITECTURE}:{checkpoint}"):
        assert Clip.from_spec(clip.spec, again).spec == clip.spec


@pytest.mark.parametrize("weights", ["laion2b_s34b_b79k", "/gone/weights.pt", "ViT-B-32:", ":x"])
def test_weights_without_an_architecture(weights: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{weights}' name no architecture: write ARCH"):
        Clip.from_weights(weights)
