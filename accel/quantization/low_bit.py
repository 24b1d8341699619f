"""Weights of 4 bits, or of -1, 0 and 1, in a network that ONNX Runtime quantizes to int8.

The runtime's quantizer has no such weights. It is given a network whose weights are rounded to them
already, so that it calibrates activations with what will be computed; the file that it writes then
gets the weights' codes, scales and biases. Every runtime for int8 networks runs that file; a core
for low-bit weights stores them in few bits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from accel.compiler.diagnostics import Reason
from accel.compiler.frontends import FRONTENDS, UnsupportedModel

from .quantizer import Quantized

LINEAR = ("Conv", "Gemm", "MatMul")
_TRIED = np.linspace(0.5, 1, 51)  # scales, as shares of the one that clips nothing
INT4_MOST = 7
_BIASES = {"QLinearConv": 8, "QGemm": 6}  # which input is the bias


@dataclass(frozen=True, eq=False)
class LowBitLayer:
    """A linear operator: names of constants, and its weights' codes (int8) and scales (float32).

    ``axis`` is the weights' dimension of output channels; ``scale`` broadcasts against ``codes``.
    ``output`` is the tensor that the operator writes, with channels in dimension ``channel``.
    """

    weights: str
    bias: str | None
    axis: int
    output: str
    channel: int
    codes: np.ndarray
    scale: np.ndarray

    @property
    def values(self) -> np.ndarray:
        return self.scale * self.codes.astype(np.float32)


def int4_codes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes -7..7 of ``[channels, k]``, and scales ``[channels]`` of the least squared error."""
    largest = np.maximum(np.abs(rows).max(axis=1), np.finfo(np.float32).tiny * INT4_MOST)

    def tried(share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scale = (largest * share / INT4_MOST).astype(np.float32)
        codes = np.clip(np.rint(rows / scale[:, None]), -INT4_MOST, INT4_MOST)
        return codes, scale, ((codes * scale[:, None] - rows) ** 2).sum(axis=1)

    best = tried(_TRIED[0])
    for share in _TRIED[1:]:
        new = tried(share)
        better = new[-1] < best[-1]
        for kept, found in zip(best, new, strict=True):
            kept[better] = found[better]
    codes, scale, _ = best
    return codes.astype(np.int8), scale


def ternary_codes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes -1, 0, 1 of ``[channels, k]``, and scales ``[channels]`` of the least squared error.

    With n codes that are not 0 the best scale is the mean of the n largest magnitudes, and what it
    takes from the squared error is n times its square: every n is tried.
    """
    size = np.abs(rows).astype(np.float64)
    ordered = -np.sort(-size, axis=1)
    counts = np.arange(1, size.shape[1] + 1)
    means = np.cumsum(ordered, axis=1) / counts
    best = (means**2 * counts).argmax(axis=1)
    channel = np.arange(len(rows))
    least = ordered[channel, best][:, None]
    codes = np.where(size >= np.maximum(least, np.finfo(np.float32).tiny), np.sign(rows), 0)
    scale = np.maximum(means[channel, best], np.finfo(np.float32).tiny)
    return codes.astype(np.int8), scale.astype(np.float32)


ROUNDED: Mapping[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = MappingProxyType(
    {"int4": int4_codes, "ternary": ternary_codes}
)


def rounded(proto: Any, kind: str, per_tensor: bool) -> tuple[Any, list[LowBitLayer]]:
    """A prepared network with its weights rounded, and what they are rounded to."""
    import onnx
    from onnx import numpy_helper

    made = onnx.ModelProto()
    made.CopyFrom(proto)
    constants = {tensor.name: tensor for tensor in made.graph.initializer}
    layers: dict[str, LowBitLayer] = {}
    found = []
    for node in made.graph.node:
        if node.op_type not in LINEAR or node.input[1] not in constants:
            continue
        _, name, *rest = node.input
        bias = rest[0] if rest and rest[0] in constants else None
        weights = numpy_helper.to_array(constants[name])
        axis = _channel_axis(node, weights)
        channel = 1 if node.op_type == "Conv" else -1
        layer = layers.get(name)
        if layer is None:
            codes, scale = _rounded(weights, axis, ROUNDED[kind], per_tensor)
            layer = layers[name] = LowBitLayer(name, bias, axis, "", 0, codes, scale)
        found.append(replace(layer, bias=bias, output=node.output[0], channel=channel))
    for layer in layers.values():
        tensor = numpy_helper.from_array(layer.values, layer.weights)
        constants[layer.weights].CopyFrom(tensor)
    return made, found


def _channel_axis(node: Any, weights: np.ndarray) -> int:
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if node.op_type == "Conv" or transposed else weights.ndim - 1


def _rounded(
    weights: np.ndarray, axis: int, rounded: Callable, per_tensor: bool
) -> tuple[np.ndarray, np.ndarray]:
    first = np.moveaxis(weights, axis, 0)
    rows = first.reshape(1 if per_tensor else len(first), -1)
    codes, scale = rounded(rows)
    codes = np.moveaxis(codes.reshape(first.shape), 0, axis)
    shape = [1] * weights.ndim
    shape[axis] = len(scale)
    return np.ascontiguousarray(codes), scale.reshape(shape)


def _input_scales(model: Any) -> dict[str, str]:
    """The scale of what an operator reads, by the name of the operator's quantized bias."""
    made = {n.output[0]: n.input for n in model.graph.node if n.op_type == "DequantizeLinear"}
    scales = {}
    for node in model.graph.node:
        names = list(node.input)
        if node.op_type in _BIASES and len(names) > _BIASES[node.op_type]:
            scales[names[_BIASES[node.op_type]]] = names[1]
        if node.op_type in LINEAR and len(names) > 2 and names[0] in made and names[2] in made:
            scales[made[names[2]][0]] = made[names[0]][1]
    return scales


def rewritten(made: Quantized, layers: list[LowBitLayer], proto: Any, name: str) -> Quantized:
    """The quantized network with the low-bit codes, their scales, and biases in units of them.

    ``proto`` is what was quantized, with rounded weights. Raises ``UnsupportedModel``.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_model_from_string(made.data)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    inputs = _input_scales(model)
    floats = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}

    def put(tensor: str, value: np.ndarray) -> None:
        if tensor not in constants:
            what = f"has no constant {tensor!r} after its quantization"
            raise UnsupportedModel(name, [Reason(place="", what=what, remedy="use --weights int8")])
        constants[tensor].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), tensor))

    for layer in layers:
        scale = layer.scale.reshape(-1)
        before = numpy_helper.to_array(constants[f"{layer.weights}_scale"])
        kept = scale if len(scale) > 1 else np.full(before.shape, scale[0], np.float32)
        put(f"{layer.weights}_quantized", layer.codes)
        put(f"{layer.weights}_scale", kept)
        zeros = f"{layer.weights}_zero_point"
        if zeros in constants:
            put(zeros, np.zeros(kept.shape, np.int8))
        if layer.bias is not None and f"{layer.bias}_quantized" in constants:
            source = numpy_helper.to_array(constants[inputs[f"{layer.bias}_quantized"]])
            unit = np.float32(source) * np.broadcast_to(scale, floats[layer.bias].shape)
            codes = np.rint(floats[layer.bias] / unit.astype(np.float64))
            limits = np.iinfo(np.int32)
            put(f"{layer.bias}_quantized", np.clip(codes, limits.min, limits.max).astype(np.int32))
            own = f"{layer.bias}_quantized_scale"
            if own in constants:
                shape = unit.shape if len(scale) > 1 else tuple(constants[own].dims)
                put(own, unit[: np.prod(shape, dtype=int)].reshape(shape).astype(np.float32))
    data = model.SerializeToString()
    graph = FRONTENDS["onnx"].read(data, f"{name}, quantized")
    return replace(made, data=data, graph=graph)
