"""SSCD embeddings: a tiny TorchScript file, tiny ONNX files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from fixtures import tiny_models
from fixtures.file_server import serving
from onnx import TensorProto, helper
from PIL import Image
from torchvision import transforms

from memguard.descriptors import sscd as sscd_module
from memguard.descriptors.base import distances
from memguard.descriptors.download import RemoteFile
from memguard.descriptors.sscd import DISC_MIXUP, MEAN, SIDE_PX, STD, Sscd, pull
from memguard.errors import WeightsError
from memguard.files import sha256
from memguard.vision.picture import Picture

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")


@pytest.fixture(scope="module")
def torchscript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sscd") / "tiny.torchscript.pt"
    torch.jit.script(tiny_models.TinySscd()).save(str(path))
    return path


def write_onnx(path: Path, *, takes_bytes: bool) -> Path:
    """Mean over squares of 96 px, flattened: 27 numbers of NCHW floats, or of NHWC bytes."""
    steps = [
        helper.make_node(
            "AveragePool", ["pixels"], ["pooled"], kernel_shape=[96] * 2, strides=[96] * 2
        ),
        helper.make_node("Flatten", ["pooled"], ["rows"]),
    ]
    shape: list[str | int] = ["n", 3, SIDE_PX, SIDE_PX]
    name, kind = "pixels", TensorProto.FLOAT
    if takes_bytes:
        shape, name, kind = ["n", SIDE_PX, SIDE_PX, 3], "image", TensorProto.UINT8
        steps = [
            helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["floats"], ["pixels"], perm=[0, 3, 1, 2]),
            *steps,
        ]
    graph = helper.make_graph(
        steps,
        "tiny",
        [helper.make_tensor_value_info(name, kind, shape)],
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 27])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def embed(sscd: Sscd, images: list[Image.Image]) -> np.ndarray:
    return sscd.describe([sscd.prepare(Picture(image)) for image in images])


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_torchscript_equals_the_authors_transform_and_the_module(
    photographs: dict[str, Image.Image], torchscript: Path
) -> None:
    """The transform is the README's of facebookresearch/sscd-copy-detection, at 288 x 288."""
    transform = transforms.Compose(
        [
            transforms.Resize([SIDE_PX, SIDE_PX], transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize(mean=list(MEAN), std=list(STD)),
        ]
    )
    images = [*photographs.values()] * 3
    with torch.inference_mode():
        pixels = torch.stack([transform(image) for image in images])
        expected = unit(tiny_models.TinySscd().eval()(pixels).numpy())
    sscd = Sscd(str(torchscript))
    rows = embed(sscd, images)
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    assert (sscd.spec.dimension, sscd.spec.metric) == (20, "cosine")
    assert sscd.spec.weights_sha256 == sha256(torchscript)


def test_onnx_of_floats(photographs: dict[str, Image.Image], tmp_path: Path) -> None:
    sscd = Sscd(str(write_onnx(tmp_path / "tiny.onnx", takes_bytes=False)))
    images = list(photographs.values())
    levels = np.stack([np.asarray(image.resize((SIDE_PX, SIDE_PX))) for image in images]) / 255
    normal = (levels - np.array(MEAN)) / np.array(STD)
    means = normal.reshape(-1, 3, 96, 3, 96, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2)
    expected = unit(means.reshape(len(images), -1))
    np.testing.assert_allclose(embed(sscd, images), expected, atol=1e-4)


def test_onnx_of_bytes_normalises_by_itself(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    sscd = Sscd(str(write_onnx(tmp_path / "tiny.onnx", takes_bytes=True)))
    images = list(photographs.values())
    levels = np.stack([np.asarray(image.resize((SIDE_PX, SIDE_PX))) for image in images])
    means = levels.reshape(-1, 3, 96, 3, 96, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2)
    expected = unit(means.reshape(len(images), -1))
    np.testing.assert_allclose(embed(sscd, images), expected, atol=1e-4)


def test_a_copy_is_near_and_another_photograph_far(
    photographs: dict[str, Image.Image], torchscript: Path
) -> None:
    sscd = Sscd(str(torchscript))
    cat = photographs["chelsea.png"]
    rows = embed(sscd, [cat, cat.resize((200, 133)), photographs["rocket.jpg"]])
    near, far = distances(sscd.spec, rows[0], rows[1:])
    assert near < 0.01 < 0.05 < far


def test_an_all_zero_row_stays_finite(tmp_path: Path) -> None:
    sscd = Sscd(str(write_onnx(tmp_path / "tiny.onnx", takes_bytes=True)))
    assert embed(sscd, [Image.new("RGB", (30, 30))]).tolist() == [[0.0] * 27]


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no SSCD weights at .*none\.pt\. Two ways on"):
        Sscd(str(tmp_path / "none.pt"))


@pytest.mark.parametrize("name", ["page.pt", "page.onnx"])
def test_files_that_are_no_models(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<html>404</html>")
    with pytest.raises(WeightsError, match=f"{name} does not load as an SSCD model"):
        Sscd(str(tmp_path / name))


def test_a_plain_state_dict_is_no_torchscript(tmp_path: Path) -> None:
    torch.save(tiny_models.TinySscd().state_dict(), tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match="does not load as an SSCD model"):
        Sscd(str(tmp_path / "weights.pt"))


def test_a_model_of_something_else_than_images(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(4, 4)).save(str(tmp_path / "linear.pt"))
    with pytest.raises(WeightsError, match="does not load as an SSCD model"):
        Sscd(str(tmp_path / "linear.pt"))


def test_made_for_a_new_index_and_opened_again(torchscript: Path, tmp_path: Path) -> None:
    sscd = Sscd.from_weights(str(torchscript))
    assert sscd.spec.weights == str(torchscript)
    moved = tmp_path / "elsewhere" / torchscript.name
    moved.parent.mkdir()
    moved.write_bytes(torchscript.read_bytes())
    for weights in (None, str(moved)):
        assert Sscd.from_spec(sscd.spec, weights).spec == sscd.spec


def test_other_weights_than_the_indexs_are_refused_before_they_are_loaded(
    torchscript: Path, tmp_path: Path
) -> None:
    spec = Sscd(str(torchscript)).spec
    (tmp_path / "other.pt").write_text("would not load")
    with pytest.raises(WeightsError, match=r"built with sscd weights of sha256 .*other\.pt has"):
        Sscd.from_spec(spec, str(tmp_path / "other.pt"))


def test_metas_weights_are_pulled_once_and_found_again(
    torchscript: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file in place of Meta's, from a server on this machine."""
    monkeypatch.setenv("MEMGUARD_CACHE", str(tmp_path / "cache"))
    with serving(torchscript.read_bytes()) as server:
        here = RemoteFile(
            f"{server.address}/{DISC_MIXUP.name}", torchscript.stat().st_size, sha256(torchscript)
        )
        monkeypatch.setattr(sscd_module, "DISC_MIXUP", here)
        with pytest.raises(WeightsError, match=r"no SSCD weights at .*memguard models pull sscd"):
            Sscd("pulled")
        new = Sscd.from_weights("")
    file = pull()
    assert file == tmp_path / "cache" / "weights" / DISC_MIXUP.name
    assert len(server.ranges) == 1
    assert (new.spec.weights, new.spec.weights_sha256) == ("pulled", sha256(torchscript))
    assert Sscd.from_spec(new.spec).spec == new.spec
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"is damaged; `memguard models pull sscd` replaces it"):
        Sscd.from_spec(new.spec)
