"""Layer and root mean square normalization in ONNX files: float32 numbers that may be quantized
after it."""

import numpy as np

from ....operators.layer_normalization import LayerNormalization
from ..builder import Builder, Unreadable
from ..values import Value
from .in_numbers import in_numbers

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

    def parameters() -> tuple[str, ...]:
        name, one = record.outputs[0], np.ones(channels, np.float32)
        added = (("factor", one if factor is None else factor), ("addend", addend))
        return tuple(b.add_constant(f"{name}_{k}", v) for k, v in added if v is not None)

    return [in_numbers(b, x, "layer_normalization", attributes, parameters)]


def layer(b: Builder) -> list[Value]:
    return _normalized(b, centred=True)


def root_mean_square(b: Builder) -> list[Value]:
    return _normalized(b, centred=False)


READERS = {
    "LayerNormalization": ("layer_normalization", layer),
    "RMSNormalization": ("layer_normalization", root_mean_square),
    "SimplifiedLayerNormalization": ("layer_normalization", root_mean_square),
}
