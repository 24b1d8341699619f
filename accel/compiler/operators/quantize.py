"""To int8 (or uint8) codes, from float32 values or from codes of another scale."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...numeric.elementwise.arithmetic import ARITHMETIC
from ...numeric.rounding import CONTRACTS
from ...numeric.rules.float_epilogue import FloatEpilogue
from ...numeric.rules.rules import Rescale, Rule, Table
from ..ir.graph import Graph, Node, Tensor
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout
from ._elementwise import CODES, looked_up, lower_table
from ._kinds import Conversion
from ._linear import check_sums, lowered_unary, multiplier
from ._operator import (
    affine,
    check_activation,
    check_arity,
    code_range,
    input_tensor,
    output_tensor,
    quantization,
    require,
    support,
)


@dataclass(frozen=True, kw_only=True)
class Quantize:
    """Between the tensors' quantizations; ``epilogue`` has float32 steps that come in between."""

    epilogue: FloatEpilogue | None = None


def check(node: Node, graph: Graph) -> None:
    check_arity(node, inputs=1)
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    check_activation(node, source, ("float32", "int8", "uint8"))
    check_activation(node, output, ("int8", "uint8"))
    require(source.shape == output.shape, node, "input and output must have the same shape")
    if source.dtype == "float32":
        support(output.dtype == "int8", node, "float32 to uint8 is not supported", "", "use int8")
    elif node.attributes.epilogue is not None:
        both = source.dtype == output.dtype == "int8"
        require(both, node, "float32 steps must be between int8 codes")
    else:
        both = source.dtype == output.dtype == "uint8"
        support(not both, node, "uint8 to uint8 is not supported", "", "use int8")
        rule = output_rule(node, graph)
        if isinstance(rule, Rescale):
            check_sums(node, *sum_bounds(node, graph), rule.left_shift)


def output_rule(node: Node, graph: Graph) -> Rule:
    """The rule for codes; the sum is ``x - input zero point`` (TFLite's ``Requantize``)."""
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    channels = output.shape[-1]
    zero_point, (low, high) = quantization(output).zero_point[0], code_range(output.dtype)
    if CONTRACTS[graph.contract].floating:
        codes = np.arange(256) + code_range(source.dtype)[0]
        if _same_numbers(source, output):
            rescaled = codes - quantization(source).zero_point[0] + zero_point
        else:
            rescaled = ARITHMETIC[graph.contract].rescale(codes, affine(source), affine(output))
        table = np.tile(np.clip(rescaled, low, high), (channels, 1))
        return Table(table, int(codes[0]) - quantization(source).zero_point[0])
    pair = multiplier(node, graph, quantization(source).scale[0])
    table = np.tile(np.array(pair, np.int64), (channels, 1))
    return Rescale(graph.contract, table[:, 0].copy(), table[:, 1].copy(), zero_point, low, high)


def _same_numbers(source: Tensor, output: Tensor) -> bool:
    """Whether only the type of the codes changes, as at the inputs and outputs of a uint8 network.

    The file has no operator there, so nothing is rounded.
    """
    points = (quantization(t).zero_point[0] - code_range(t.dtype)[0] for t in (source, output))
    scales = (quantization(t).scale[0] for t in (source, output))
    return source.dtype != output.dtype and len({*points}) == len({*scales}) == 1


def sum_bounds(node: Node, graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    source = input_tensor(node, graph)
    channels = output_tensor(node, graph).shape[-1]
    low, high = (code - quantization(source).zero_point[0] for code in code_range(source.dtype))
    return np.full(channels, low, np.int64), np.full(channels, high, np.int64)


def code_table(node: Node, graph: Graph) -> np.ndarray:
    """The output codes of all input codes, of int8 to int8."""
    both = input_tensor(node, graph).dtype == output_tensor(node, graph).dtype == "int8"
    support(both, node, "it is not from int8 to int8")
    if node.attributes.epilogue is not None:
        return _epilogue_table(node, graph)
    acc = CODES - quantization(input_tensor(node, graph)).zero_point[0]
    return output_rule(node, graph).channel(0).compute(acc[:, np.newaxis])[:, 0].astype(np.int8)


def _epilogue_table(node: Node, graph: Graph) -> np.ndarray:
    """The epilogue of each code: ``[256]``, or ``[channels, 256]`` where channels differ."""
    epilogue, zero_point = (
        node.attributes.epilogue,
        quantization(input_tensor(node, graph)).zero_point[0],
    )
    epilogue = epilogue if any(step.per_channel for step in epilogue.steps) else epilogue.channel(0)
    table = epilogue.compute(
        (CODES - zero_point)[:, np.newaxis] + np.zeros(epilogue.channels, np.int64)
    )
    return (table[:, 0] if epilogue.channels == 1 else table.T).astype(np.int8)


def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    epilogue = node.attributes.epilogue
    if epilogue is not None and source.dtype == "float32":
        return [epilogue.of_real(inputs[0]).astype(np.int8)]
    if epilogue is not None:
        return [looked_up(_epilogue_table(node, graph), inputs[0])]
    if source.dtype == "float32":
        codes = ARITHMETIC[graph.contract].quantize(inputs[0], affine(output))
        codes = np.clip(codes, *code_range(output.dtype))
    else:
        acc = inputs[0].astype(np.int64) - quantization(source).zero_point[0]
        codes = output_rule(node, graph).compute(acc)
    return [codes.astype(output.dtype)]


def lower(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    source, output = input_tensor(node, graph), output_tensor(node, graph)
    both = source.dtype == output.dtype == "int8"
    what = f"{source.dtype} to {output.dtype} is not supported inside the network"
    support(both, node, what, "", "keep it at the network's ends")
    if node.attributes.epilogue is not None:
        table = _epilogue_table(node, graph)
        return lower_table(node, graph, layout, table) if table.ndim > 1 else []
    zero_point = quantization(source).zero_point[0]
    rule = output_rule(node, graph).take([0] * layout.channels)
    return lowered_unary(node, layout, layout, rule, bias=-zero_point, pad=zero_point)


OPERATOR = Conversion(
    attributes=Quantize,
    check=check,
    reference=reference,
    output_rule=output_rule,
    sum_bounds=sum_bounds,
    table=code_table,
    lower=lower,
    host=True,
)
