"""Layer and root mean square normalization in ONNX files: float32 numbers that may be quantized
after it."""

from dataclasses import replace

import numpy as np

from ....operators.dequantize import Dequantize
from ....operators.layer_normalization import LayerNormalization
from ....operators.quantize import Quantize
from ..builder import Builder, Quantizer, Unreadable
from ..values import Activation, Addends, Pending, Value

REMEDY = "normalize the last dimension alone: reshape before it"


def _parameter(b: Builder, index: int, channels: int) -> np.ndarray | None:
    """A factor or an addend for each channel, float32; None where it is left out."""
    if b.value(index) is None:
        return None
    values = b.constant(index)
    if values is None:
        raise Unreadable(f"has an input {index} that is computed", "", "make it constant")
    if values.size not in (1, channels) or values.dtype != np.float32:
        what = f"has {values.dtype} parameters of shape {values.shape} for {channels} channels"
        raise Unreadable(what, "", "use a float32 number for each")
    return np.ascontiguousarray(np.broadcast_to(values.ravel(), (channels,)))


def _normalized(b: Builder, centred: bool) -> list[Value]:
    record, x = b.node, b.numbers(0)
    axis, rank = b.attribute("axis", -1), len(x.shape)
    if not -rank <= axis < rank:
        raise Unreadable(f"has axis {axis} for {rank} dimensions")
    if axis % rank != rank - 1:
        raise Unreadable(f"normalizes {rank - axis % rank} dimensions together", "", REMEDY)
    if any(record.outputs[1:]):
        raise Unreadable("hands out means or deviations", "", "use its first output alone")
    channels = x.shape[-1]
    factor = _parameter(b, 1, channels)
    addend = _parameter(b, 2, channels) if centred else None
    attributes = LayerNormalization(epsilon=b.attribute("epsilon", 1e-5), centred=centred)
    if x.flat is not None or x.layout[-1] != rank - 1:
        x = b.in_layout(x, tuple(range(rank)))

    def to_real() -> Activation:
        with b.at(record):
            name, shape = record.outputs[0], b.tensors[x.tensor].shape
            numbers = b.add_node(
                "dequantize", Dequantize(), (x.tensor,), shape, "float32", name=f"{name}_numbers"
            )
            one = np.ones(channels, np.float32) if factor is None else factor
            inputs = [numbers, b.add_constant(f"{name}_factor", one)]
            if addend is not None:
                inputs.append(b.add_constant(f"{name}_addend", addend))
            output = b.add_node(
                "layer_normalization", attributes, tuple(inputs), shape, "float32", name=name
            )
            return replace(x, tensor=output, real=True, unsigned=False)

    def finish(wanted: Quantizer, activation: str, bias: Addends) -> Activation:
        name = b.node.outputs[0]
        with b.at(record):
            shape, real = b.tensors[x.tensor].shape, to_real()
            tensor = b.add_node("quantize", Quantize(), (real.tensor,), shape, name=name)
        b.set_quantizer(tensor, wanted)
        return replace(real, tensor=tensor, real=False, unsigned=wanted.unsigned)

    return [Pending(record.place, x.shape, finish, to_real=to_real)]


def layer(b: Builder) -> list[Value]:
    return _normalized(b, centred=True)


def root_mean_square(b: Builder) -> list[Value]:
    return _normalized(b, centred=False)


READERS = {
    "LayerNormalization": ("layer_normalization", layer),
    "RMSNormalization": ("layer_normalization", root_mean_square),
    "SimplifiedLayerNormalization": ("layer_normalization", root_mean_square),
}
