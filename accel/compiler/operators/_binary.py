"""Operators of two int8 inputs whose every output code is a function of a pair of codes.

The inputs broadcast as NumPy's arrays do; one of them may be constant.

Where the contract is ONNX Runtime's, an attribute ``computed`` says how the runtime computes the
operator: on the file's ``codes``, on ``uint8`` codes that it made of them, or in ``float32``
between a DequantizeLinear and a QuantizeLinear. The three differ in exact ties and in the last
bits of float32.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from ...numeric.affine import Affine
from ...numeric.elementwise import lookup_tables, threshold_sums
from ...numeric.elementwise.arithmetic import ARITHMETIC, FLOAT32, Arithmetic
from ...numeric.elementwise.onnx import unrounded_sum
from ...numeric.rounding import CONTRACTS
from ...numeric.rules.float_epilogue import FloatEpilogue
from ...numeric.runtimes import float32
from ..ir.graph import Graph, Node, Tensor
from ._elementwise import CODES, MAX_DIMENSIONS, Bounds, all_codes, table_of
from ._kinds import Binary, Check, LowerPair, by_pair_table
from ._operator import (
    affine,
    check_activation,
    check_arity,
    check_moved_codes,
    check_operand,
    input_tensor,
    output_tensor,
    require,
    support,
)

NO_SUM = "its results are no rounded sum of a function of each operand"

# From the contract's arithmetic, codes of both inputs and the three quantizations.
BinaryFunction = Callable[[Arithmetic, np.ndarray, np.ndarray, Affine, Affine, Affine], np.ndarray]


def binary_operator(
    attributes: type,
    function: BinaryFunction,
    *,
    check: Check = lambda node, graph: None,
    bounds: Bounds = all_codes,
    lower_pair: LowerPair = by_pair_table,
) -> Binary:
    """Return the operator that computes ``function``; see `unary_operator`."""

    def pair_table(node: Node, graph: Graph) -> np.ndarray:
        tensors = (*operands(node, graph), output_tensor(node, graph))
        pairs = CODES[:, np.newaxis], CODES[np.newaxis, :]
        if node.epilogue is not None:
            return _float_epilogue(node.epilogue, pairs, tensors)
        arguments = (_arithmetic(node, graph), *pairs, *quantizations(node, graph))
        return table_of(node, graph, bounds, function, *arguments)

    def code_table(node: Node, graph: Graph) -> np.ndarray:
        table = pair_table(node, graph)
        first, second = operands(node, graph)
        by_constant, constant, variable = (
            (table, first, second) if first.constant else (table.T, second, first)
        )
        codes = constant_by_channel(node, constant, variable, output_tensor(node, graph))
        return np.ascontiguousarray(by_constant[codes.astype(np.int64) + 128])

    def check_all(node: Node, graph: Graph) -> None:
        check_arity(node, inputs=2)
        check_broadcast(node, graph)
        check(node, graph)
        pair_table(node, graph)

    def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [looked_up(pair_table(node, graph), node, graph, inputs)]

    return Binary(
        attributes=attributes,
        check=check_all,
        reference=reference,
        table=code_table,
        pair_table=pair_table,
        lower_pair=lower_pair,
    )


def _float_epilogue(
    epilogue: FloatEpilogue, pairs: tuple[np.ndarray, np.ndarray], tensors: tuple[Tensor, ...]
) -> np.ndarray:
    """The output codes of an epilogue after the sum of two float32 numbers."""
    first, second = (
        float32.dequantize(codes, q.scale, q.zero_point)
        for codes, q in zip(pairs, map(affine, tensors[:2]), strict=True)
    )
    return epilogue.of_real(first + second).astype(np.int8)


def _arithmetic(node: Node, graph: Graph) -> Arithmetic:
    return FLOAT32 if in_float32(node) else ARITHMETIC[graph.contract]


def in_float32(node: Node) -> bool:
    """Whether the runtime computes between a DequantizeLinear and a QuantizeLinear."""
    return getattr(node.attributes, "computed", "codes") == "float32"


def quantizations(node: Node, graph: Graph) -> tuple[Affine, ...]:
    """Those of both inputs and the output, as the runtime has them."""
    found = tuple(affine(t) for t in (*operands(node, graph), output_tensor(node, graph)))
    unsigned = getattr(node.attributes, "computed", "codes") == "uint8"
    return tuple(replace(q, offset=128) for q in found) if unsigned else found


def unrounded(node: Node, graph: Graph) -> np.ndarray | None:
    """Of each pair of codes the sum that the runtime rounds, float64 ``[256, 256]``, or one that is
    as far above it for all pairs. None for what is no sum of float32."""
    if node.operator != "add" or not CONTRACTS[graph.contract].floating:
        return None
    on_codes = node.epilogue is None and not in_float32(node)
    first, second, output = quantizations(node, graph)
    return unrounded_sum(CODES[:, np.newaxis], CODES, first, second, output, on_codes)


def is_no_sum(node: Node, operator: Binary, graph: Graph) -> bool:
    """Whether two operands that a layer reads have a result in float32 that no few sums of two
    tables give: the core cannot compute it then."""
    variable = {name for name in node.inputs if not graph.tensor(name).constant}
    in_memory = len(variable) == 2 or reads_constant(node, graph)
    floating = CONTRACTS[graph.contract].floating
    if not (floating and in_memory and operator.lower_pair is by_pair_table):
        return False
    table, real = operator.pair_table(node, graph), unrounded(node, graph)
    return _has_no_sum(table.astype(np.int8).tobytes(), None if real is None else real.tobytes())


@lru_cache(maxsize=16)  # the passes ask several times, as in `threshold_sums`
def _has_no_sum(codes: bytes, numbers: bytes | None) -> bool:
    table = np.frombuffer(codes, np.int8).astype(np.int64).reshape(256, 256)
    if is_maximum(table) or lookup_tables.solve(table, table.min(), table.max()) is not None:
        return False
    real = None if numbers is None else np.frombuffer(numbers).reshape(256, 256)
    return threshold_sums.solve(table, real) is None


def is_maximum(table: np.ndarray) -> bool:
    """Whether codes of pairs are the greater one, clamped."""
    greater = np.maximum(CODES[:, np.newaxis], CODES)
    return bool((table == np.clip(greater, table.min(), table.max())).all())


def operands(node: Node, graph: Graph) -> tuple[Tensor, Tensor]:
    return input_tensor(node, graph, 0), input_tensor(node, graph, 1)


def check_broadcast(node: Node, graph: Graph) -> None:
    """Check types of both inputs and the output, and that their shapes broadcast."""
    first, second = operands(node, graph)
    output = output_tensor(node, graph)
    check_activation(node, output)
    for tensor in (first, second):
        check_operand(node, tensor)
        dims = len(tensor.shape)
        what = f"tensor {tensor.name!r} has {dims} dimensions, more than {MAX_DIMENSIONS}"
        support(dims <= MAX_DIMENSIONS, node, what)
    both = first.constant and second.constant
    support(not both, node, "both inputs are constant", "", "fold them")
    shapes = f"inputs of {first.shape} and {second.shape}"
    try:
        expected = np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        expected = None
    require(expected is not None, node, f"{shapes} do not broadcast")
    require(output.shape == expected, node, f"{shapes} give {expected}, not {output.shape}")


def check_alike(node: Node, graph: Graph) -> None:
    """Require both inputs to be quantized so that their codes can become the output's unchanged."""
    for tensor in operands(node, graph):
        check_moved_codes(node, graph, tensor, output_tensor(node, graph))


def constant_by_channel(
    node: Node, constant: Tensor, variable: Tensor, output: Tensor
) -> np.ndarray:
    """Codes of a constant: one ``[]``, or one for each channel ``[channels]``.

    Raises ``UnsupportedOperator`` where the tensor is variable or is neither.
    """
    support(constant.constant, node, "both inputs are activations")
    found = _channel_codes(constant, variable, output)
    what = f"constant {constant.name!r} has neither one value nor one for each channel"
    support(found is not None, node, what, f"its shape is {constant.shape}", "use one of these")
    assert found is not None
    return found


def reads_constant(node: Node, graph: Graph) -> bool:
    """Whether a constant operand must lie in memory: its values differ between positions."""
    first, second = operands(node, graph)
    if not (first.constant or second.constant):
        return False
    constant, variable = (first, second) if first.constant else (second, first)
    return _channel_codes(constant, variable, output_tensor(node, graph)) is None


def _channel_codes(constant: Tensor, variable: Tensor, output: Tensor) -> np.ndarray | None:
    """Codes as `constant_by_channel` has them, or none where positions have different ones."""
    if constant.size == 1:
        return constant.values.reshape(())
    channels = constant.shape[-1]
    rows = constant.values.reshape(-1, channels)
    # An operand that is smaller than the output is repeated by layers of two operands.
    whole = len(rows) == 1 or variable.shape[:-1] == output.shape[:-1]
    if not whole or channels not in (1, output.shape[-1]) or (rows != rows[0]).any():
        return None
    return rows[0].reshape(() if channels == 1 else -1)


def looked_up(
    table: np.ndarray, node: Node, graph: Graph, inputs: Sequence[np.ndarray]
) -> np.ndarray:
    """The output's codes of a batch, from a table by pairs of codes."""
    rank = len(output_tensor(node, graph).shape)
    a, b = (
        aligned(codes, tensor, rank).astype(np.int64) + 128
        for codes, tensor in zip(inputs, operands(node, graph), strict=True)
    )
    return table[a, b]


def aligned(codes: np.ndarray, tensor: Tensor, rank: int) -> np.ndarray:
    """A batch of fewer dimensions than ``rank`` with 1s after its first; constants as they are."""
    if tensor.constant:
        return codes
    return codes.reshape(len(codes), *(1,) * (rank - len(tensor.shape)), *codes.shape[1:])
