"""Scales of weights, moved by less than a code can show where the core could not round by them.

The core requantizes by a division that is proved for every threshold of a channel. For some scales
there is no such division: float32 rounds products that lie close beside a half to it, and then to
even, in a pattern that no division has. Another scale, some millionths away, has another pattern.
The file gets that scale, so that every runtime computes with the same.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from accel.compiler.frontends import FRONTENDS
from accel.compiler.ir.graph import Graph, Node
from accel.compiler.ir.tensor_layout import layout_of
from accel.compiler.operators import Linear, operator_of
from accel.numeric.division.solver import solve

from .quantizer import Quantized

STEP = 2.0**-18  # relative; sums of 22 bits and their thresholds move by some units
STEPS = 24  # to either side
MOST_CHANNELS = 2048  # of a layer; those of larger ones stay, for they would take minutes
_SCALE = 4  # the input of QLinearConv, QLinearMatMul and QGemm that scales their weights
_LINEAR = ("QLinearConv", "QLinearMatMul", "QGemm")


def settled(made: Quantized, name: str) -> Quantized:
    """The network with scales that the core can requantize by exactly, as far as there are such.

    Only for operators on codes. ``moved`` of the result counts the scales that were changed.
    """
    import onnx
    from onnx import numpy_helper

    if made.form != "qop":
        return made
    proto = onnx.load_model_from_string(made.data)
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    moved = 0
    for weights, scale in _scales(proto).items():
        node = next((n for n in made.graph if weights in n.inputs[1:2]), None)
        found = None if node is None or scale not in constants else _settled(node, made.graph)
        if found is not None:
            before = numpy_helper.to_array(constants[scale])
            after = np.broadcast_to(found.reshape(-1), before.size).reshape(before.shape)
            moved += int((before != after).sum())
            constants[scale].CopyFrom(numpy_helper.from_array(after.copy(), scale))
    if not moved:
        return made
    data = proto.SerializeToString()
    graph = FRONTENDS["onnx"].read(data, f"{name}, quantized")
    return replace(made, data=data, graph=graph, moved=moved)


def _scales(proto: Any) -> dict[str, str]:
    """Names of scales that one operator alone reads, by our graph's names of its weights."""
    readers = [name for node in proto.graph.node for name in node.input]
    return {
        f"{node.output[0]}_weights": node.input[_SCALE]
        for node in proto.graph.node
        if node.op_type in _LINEAR and readers.count(node.input[_SCALE]) == 1
    }


def _settled(node: Node, graph: Graph) -> np.ndarray | None:
    """Scales with which all channels are proved, float32 ``[channels]`` or ``[1]``.

    ``None`` if the file's own scales do, or if none of those that were tried do.
    """
    tensor = graph.tensor(node.inputs[1])
    quantization = tensor.quantization
    assert quantization is not None, tensor
    original = np.array(quantization.scale, np.float32)
    if tensor.shape[quantization.axis] > MOST_CHANNELS:
        return None
    trial, scale = graph, original.copy()
    bad = _unproved(node, graph, slice(None))
    if not len(bad):
        return None
    for step in range(2 * STEPS):
        which = bad if len(original) > 1 else slice(None)
        distance = (step // 2 + 1) * (-1) ** step
        scale[which] = original[which] * np.float32(1 + distance * STEP)
        q = replace(quantization, scale=tuple(scale.tolist()))
        tensors = {**graph.tensors, tensor.name: replace(tensor, quantization=q)}
        trial = graph.replace(tensors=tensors)
        bad = _unproved(node, trial, bad)
        if not len(bad):  # by themselves; together they may need halves to be even in two ways
            bad = _unproved(node, trial, slice(None))
        if not len(bad):
            return scale
    return None


def _unproved(node: Node, graph: Graph, channels: np.ndarray | slice) -> np.ndarray:
    """Which of some output channels the core cannot requantize exactly, int64 ``[n]``."""
    layout = layout_of(graph.tensor(node.inputs[0]))
    (layer,) = operator_of(node, Linear).lower(node, graph, layout)
    least, greatest = layer.sum_range
    rule, bias = layer.rule.take(channels), layer.bias[channels]
    solution = solve(rule, bias, least[channels], greatest[channels], True)
    return np.arange(layer.channels)[channels][~solution.proved]
