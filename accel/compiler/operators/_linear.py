"""What operators with weights share: checks, sums of products, and their output rule."""

import numpy as np

from ...numeric.rounding import CONTRACTS, INT32_MAX, INT32_MIN
from ...numeric.rules.float_epilogue import FloatEpilogue
from ...numeric.rules.rules import Rescale, Rule, Sums
from ..ir.graph import Graph, Node, Tensor
from ..ir.layer import Convolution, Pair, Region
from ..ir.tensor_layout import TensorLayout, layout_of
from ._activation import code_bounds
from ._operator import (
    check_activation,
    code_range,
    input_tensor,
    output_tensor,
    quantization,
    require,
    support,
)

LinearRule = Rescale | FloatEpilogue | Sums


def check_operands(
    node: Node, graph: Graph, axis: int, rank: int, asymmetric: bool = False
) -> None:
    """Check types and quantization of input, weights, bias and output.

    ``axis`` is the weights' dimension of output channels, ``rank`` their number of dimensions, and
    ``asymmetric`` weights may have zero points other than 0 even where the contract's may not.
    """
    check_activation(node, input_tensor(node, graph))
    codes = not gives_sums(node, graph)
    allowed = CONTRACTS[graph.contract].floating and node.epilogue is None
    dtypes = ("int8", "int32") if allowed else ("int8",)
    check_activation(node, output_tensor(node, graph), dtypes, quantized=codes)
    weights = input_tensor(node, graph, 1)
    check_weights(node, weights, axis, rank, asymmetric or CONTRACTS[graph.contract].floating)
    bias = bias_tensor(node, graph)
    if bias is not None:
        support(bias.constant, node, f"bias {bias.name!r} is computed", "", "use a constant bias")
        support(bias.dtype == "int32", node, f"bias {bias.name!r} is {bias.dtype}, not int32")
        channels = (weights.shape[axis],)
        require(bias.shape == channels, node, f"bias {bias.name!r} must have shape {channels}")


def gives_sums(node: Node, graph: Graph) -> bool:
    """Whether the sums themselves are the output: 32-bit integers, which have no quantization."""
    return output_tensor(node, graph).dtype == "int32"


def check_weights(
    node: Node, weights: Tensor, axis: int, rank: int, zero_points: bool = False
) -> None:
    """Check constant integers of ``rank`` dimensions; ``zero_points`` allows others than 0."""
    name = repr(weights.name)
    support(weights.constant, node, f"weights {name} are computed", "", "use constant weights")
    integer = weights.dtype in ("int8", "int4")
    remedy = "convert the model with full integer quantization"
    support(integer, node, f"weights {name} are {weights.dtype}, not int8 or int4", "", remedy)
    dims = len(weights.shape)
    require(dims == rank, node, f"weights {name} must have {rank} dimensions, not {dims}")
    require(weights.quantization is not None, node, f"weights {name} have no scales")
    q = quantization(weights)
    zero_points = zero_points or q.offset != 0  # the file's own are uint8
    along = not q.per_channel or q.axis == axis
    require(along, node, f"weights {name} are quantized along axis {q.axis}, not {axis}")
    remedy = "quantize weights symmetrically"
    support(
        zero_points or not any(q.zero_point),
        node,
        f"weights {name} have a zero point other than 0",
        "",
        remedy,
    )


def check_sums(node: Node, low: np.ndarray, high: np.ndarray, left: np.ndarray) -> None:
    """Refuse sums that overflow 32 bits before or after a shift to the left, as in the kernels."""
    shift = np.minimum(left, 31)  # beyond it, nothing but 0 would fit
    fits = (low << shift >= INT32_MIN) & (high << shift <= INT32_MAX) & (left <= 31)
    if not fits.all():
        channel = int(np.argmin(fits))
        what = f"sums of output channel {channel} overflow 32 bits"
        why = f"they reach {int(low[channel])}..{int(high[channel])}, shifted by {left[channel]}"
        support(False, node, what, why, "use smaller biases, fewer inputs or a larger output scale")


def weight_values(node: Node, graph: Graph) -> np.ndarray:
    """The weights less their zero points, int64, in the weights' own shape."""
    weights = input_tensor(node, graph, 1)
    q = quantization(weights)
    shape = [1] * len(weights.shape)
    if q.per_channel:
        shape[q.axis] = len(q.zero_point)
    return weights.values.astype(np.int64) - np.array(q.zero_point, np.int64).reshape(shape)


def bias_tensor(node: Node, graph: Graph) -> Tensor | None:
    return graph.tensor(node.inputs[2]) if len(node.inputs) > 2 else None


def bias_vector(node: Node, graph: Graph, channels: int) -> np.ndarray:
    """The biases, int64 ``[channels]``; zeros where there are none."""
    bias = bias_tensor(node, graph)
    return np.zeros(channels, np.int64) if bias is None else bias.values.astype(np.int64)


def rescale_rule(node: Node, graph: Graph, channels: int) -> LinearRule:
    """The output rule; real multipliers are ``input * weights / output``, as the contract has it.

    Source: TFLite's PopulateConvolutionQuantizationParams and CalculateOpDataFullyConnected, ONNX
    Runtime's QLinearConv and QGemm. The node's own ``epilogue`` is the rule instead, if it has one.
    Where the output is the sums, there is none.
    """
    if node.epilogue is not None:
        return node.epilogue
    if gives_sums(node, graph):
        return Sums(channels)
    output = output_tensor(node, graph)
    input_scale = quantization(input_tensor(node, graph)).scale[0]
    scales = quantization(input_tensor(node, graph, 1)).scale
    pairs = [multiplier(node, graph, input_scale, scale) for scale in scales]
    table = np.broadcast_to(np.array(pairs, np.int64), (channels, 2))
    low, high = code_bounds(node.attributes.activation, output, graph.contract)
    zero_point = quantization(output).zero_point[0]
    return Rescale(graph.contract, table[:, 0].copy(), table[:, 1].copy(), zero_point, low, high)


def multiplier(node: Node, graph: Graph, first: float, second: float = 1.0) -> tuple[int, int]:
    """``first * second / output scale`` by the contract; refuses what is infinite."""
    output_scale = quantization(output_tensor(node, graph)).scale[0]
    try:
        return CONTRACTS[graph.contract].multiplier(first, second, output_scale)
    except ValueError:
        what = f"scales {first!r} and {second!r} are too large for an output of {output_scale!r}"
        support(False, node, what, "", "quantize the model anew")
        raise


def product_bounds(node: Node, graph: Graph, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the greatest sum, int64 ``[channels]``.

    ``weights`` are `weight_values` as ``[channels, k]``.
    """
    source = input_tensor(node, graph)
    least, most = (c - quantization(source).zero_point[0] for c in code_range(source.dtype))
    positive = np.maximum(weights, 0).sum(axis=1, dtype=np.int64)
    negative = np.minimum(weights, 0).sum(axis=1, dtype=np.int64)
    bias = bias_vector(node, graph, len(weights))
    return positive * least + negative * most + bias, positive * most + negative * least + bias


def centred(node: Node, graph: Graph, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``codes - zero point`` in a float type in which all sums with ``weights`` are exact.

    ``weights`` are ``[channels, k]``. Float32 holds integers up to 2**24, float64 up to 2**53.
    """
    largest = int(np.abs(weights.astype(np.int64)).sum(axis=1).max()) * 255
    dtype = np.float32 if largest < 2**24 else np.float64
    zero_point = quantization(input_tensor(node, graph)).zero_point[0]
    return codes.astype(dtype) - dtype(zero_point)


def finish(node: Node, graph: Graph, products: np.ndarray, rule: LinearRule) -> np.ndarray:
    """Add biases to sums of products ``[..., channels]`` and apply the rule: int8 codes, or the
    int32 sums."""
    acc = products.astype(np.int64) + bias_vector(node, graph, rule.channels)
    return rule.compute(acc).astype(np.int32 if isinstance(rule, Sums) else np.int8)


def lowered(
    node: Node,
    graph: Graph,
    layout: TensorLayout,
    weights: np.ndarray,
    rule: LinearRule,
    macs: int,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
) -> list[Convolution]:
    """The one convolution of a linear layer.

    ``weights`` are as in `Convolution`, with their zero points subtracted; the schedule refuses
    those that the core's number format cannot hold.
    """
    zero_point = quantization(input_tensor(node, graph)).zero_point[0]
    axes = (0, 1) if weights.ndim == 3 else (1, 2, 3)
    output = layout_of(output_tensor(node, graph))
    return [
        Convolution(
            name=node.name,
            node=node.name,
            source=node.inputs[0],
            output=node.outputs[0],
            input_shape=layout.shape,
            output_shape=output.shape,
            weights=weights,
            bias=bias_vector(node, graph, output.channels) - zero_point * weights.sum(axis=axes),
            rule=rule,
            pad=zero_point,
            stride=stride,
            padding=padding,
            region=Region(0, 0, output.height, output.width),
            macs=macs,
        )
    ]


def lowered_unary(
    node: Node,
    layout: TensorLayout,
    output: TensorLayout,
    rule: Rule,
    bias: int,
    pad: int,
    padding: Pair = (0, 0),
) -> list[Convolution]:
    """A function of one value at a time: a depthwise convolution by a single tap of 1."""
    return [
        Convolution(
            name=node.name,
            node=node.name,
            source=node.inputs[0],
            output=node.outputs[0],
            input_shape=layout.shape,
            output_shape=output.shape,
            weights=np.ones((1, 1, output.channels), np.int64),
            bias=np.full(output.channels, bias, np.int64),
            rule=rule,
            pad=pad,
            padding=padding,
            region=Region(0, 0, output.height, output.width),
            uniform=True,
        )
    ]
