"""A network with its weights rounded to 4 bits, a scale for each channel as before."""

from dataclasses import replace

import numpy as np

from accel.compiler.graph.verify import verify
from accel.compiler.ir.graph import Graph, Tensor

_SHRINK = 7 / 127


def with_int4_weights(graph: Graph) -> Graph:
    """The constants of convolutions and fully connected layers, and their biases, rounded."""
    tensors = dict(graph.tensors)
    for node in graph:
        if node.operator in ("conv2d", "depthwise_conv2d", "fully_connected"):
            for name, dtype in zip(node.inputs[1:], ("int4", "int32"), strict=False):
                tensors[name] = _rounded(tensors[name], dtype)
    result = graph.replace(name=f"{graph.name}_int4", tensors=tensors)
    verify(result)
    return result


def _rounded(tensor: Tensor, dtype: str) -> Tensor:
    data = np.round(tensor.data * _SHRINK).astype(np.int8 if dtype == "int4" else np.int32)
    scale = tuple(float(np.float32(scale / _SHRINK)) for scale in tensor.quantization.scale)
    return replace(
        tensor, dtype=dtype, data=data, quantization=replace(tensor.quantization, scale=scale)
    )
