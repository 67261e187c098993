"""The ComfyUI node, loaded and called as ComfyUI does: after ``load_custom_node`` of its nodes.py
and the checks and the call of its execution.py, as of 2025. ComfyUI itself is no package, and is
not run."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from memguard import ConfigurationError, MemorizedImageError


def load_custom_node(file: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The node classes and display names of a file in ``custom_nodes``."""
    name = str(file.with_suffix(""))
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    for node in module.NODE_CLASS_MAPPINGS.values():
        node.RELATIVE_PYTHON_MODULE = f"custom_nodes.{file.stem}"
    return module.NODE_CLASS_MAPPINGS, module.NODE_DISPLAY_NAME_MAPPINGS


def execute(node: type, **inputs: Any) -> dict[str, Any]:
    """The node's outputs by name: inputs are validated by what it declares, then it is called."""
    declared = node.INPUT_TYPES()["required"]
    assert inputs.keys() == declared.keys()
    for name, (kind, *_) in declared.items():
        assert inputs[name] in kind if isinstance(kind, list) else kind in ("IMAGE", "STRING")
    with torch.inference_mode():
        outputs = getattr(node(), node.FUNCTION)(**inputs)
    assert isinstance(outputs, tuple)
    return dict(zip(node.RETURN_NAMES, outputs, strict=True))


@pytest.fixture
def node(examples: Path, tmp_path: Path) -> type:
    """The one node, from a folder of custom nodes."""
    (tmp_path / "memguard_node.py").write_bytes((examples / "comfyui_node.py").read_bytes())
    classes, names = load_custom_node(tmp_path / "memguard_node.py")
    assert classes.keys() == names.keys()
    (found,) = classes.values()
    return found


@pytest.fixture
def batch(examples: Path) -> torch.Tensor:
    """Two images: new, and the cat. Shape (2, 384, 384, 3), levels in [0, 1]."""
    new = Image.effect_mandelbrot((384, 384), (-2.0, -1.5, 1.0, 1.5), 100).convert("RGB")
    cat = Image.open("photos/cat.png").convert("RGB").resize((384, 384))
    return torch.from_numpy(np.stack([np.asarray(new), np.asarray(cat)]).astype(np.float32) / 255)


def test_it_says_what_comfyui_asks(node: type) -> None:
    assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES) == len(node.OUTPUT_TOOLTIPS)
    assert node.RETURN_TYPES[0] == "IMAGE"
    assert hasattr(node, node.FUNCTION)
    asked = SimpleNamespace(input=node.INPUT_TYPES(), category=node.CATEGORY, of=node.DESCRIPTION)
    assert json.loads(json.dumps(vars(asked)))["input"]["required"]["images"] == ["IMAGE"]


def test_a_copy_is_grey(node: type, batch: torch.Tensor) -> None:
    before = batch.clone()
    outputs = execute(node, images=batch, index="training.memguard", policy="block")
    assert outputs["labels"] == "clear\nmemorized"
    shown = outputs["images"]
    assert (shown.shape, shown.dtype) == (batch.shape, batch.dtype)
    assert torch.equal(shown[0], batch[0])
    assert shown[1].min() == shown[1].max()
    assert torch.equal(batch, before)


def test_policies_and_the_index_of_the_environment(
    node: type, batch: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="MEMGUARD_INDEX"):
        execute(node, images=batch, index="", policy="raise")
    monkeypatch.setenv("MEMGUARD_INDEX", "training.memguard")
    with pytest.raises(MemorizedImageError):
        execute(node, images=batch, index="", policy="raise")
    assert torch.equal(execute(node, images=batch, index="", policy="flag")["images"], batch)
