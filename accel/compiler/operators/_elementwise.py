"""What elementwise operators share: making their tables, applying and lowering them."""

from collections.abc import Callable, Sequence

import numpy as np

from ...numeric.rules.rules import Table
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout, layout_of
from ._activation import check_known, code_bounds
from ._kinds import CodeTable, Reference
from ._linear import lowered_unary
from ._operator import affine, code_range, output_tensor, support

CODES = np.arange(-128, 128, dtype=np.int64)
MAX_DIMENSIONS = 4  # of tensors that TFLite Micro broadcasts

Bounds = Callable[[Node, Graph], tuple[int, int]]


def all_codes(node: Node, graph: Graph) -> tuple[int, int]:
    """The output's bounds where there is no activation."""
    return code_range(output_tensor(node, graph).dtype)


def activation_bounds(node: Node, graph: Graph) -> tuple[int, int]:
    """The output's bounds by the fused activation."""
    return code_bounds(node.attributes.activation, output_tensor(node, graph), graph.contract)


def check_activation_known(node: Node, graph: Graph) -> None:
    check_known(node, node.attributes.activation)


def table_of(
    node: Node,
    graph: Graph,
    bounds: Bounds,
    function: Callable[..., np.ndarray],
    *arguments: object,
) -> np.ndarray:
    """Return ``function(*arguments)`` clamped to int8 codes.

    Raises ``UnsupportedOperator`` where the contract does not define the function for these scales.
    """
    try:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # NaN is an error below
            codes = function(*arguments)
    except ValueError as error:
        support(False, node, str(error), "", "quantize it with other scales")
        raise
    return np.clip(codes, *bounds(node, graph)).astype(np.int8)


def looked_up(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Apply a table of ``[256]`` or ``[channels, 256]`` codes to int8 codes ``[..., channels]``."""
    index = codes.astype(np.int64) + 128
    return table[index] if table.ndim == 1 else table[np.arange(len(table)), index]


def table_reference(
    table: CodeTable,
) -> Reference:
    """The ``reference`` of an operator whose ``table`` maps its first input."""

    def reference(node: Node, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [looked_up(table(node, graph), inputs[0])]

    return reference


def lower_table(
    node: Node, graph: Graph, layout: TensorLayout, table: np.ndarray, whole: bool = False
) -> list[Convolution]:
    """A copy layer with a monotone table as its output rule; sums are negated where it falls.

    ``table`` is as `Elementwise` has it. Whether the core's division can reproduce the rule is for
    the schedule to prove. ``whole`` is as `Table` has it.
    """
    output = layout_of(output_tensor(node, graph))
    rows = np.atleast_2d(table).astype(np.int64)
    steps = np.diff(rows, axis=1)
    rising, falling = (np.asarray((sign * steps >= 0).all(axis=1)) for sign in (1, -1))
    channel = int(np.argmin(rising | falling))
    what = "it rises for some codes and falls for others"
    if len(rows) > 1:
        what = f"it differs from channel to channel and rises and falls in channel {channel}"
    support(bool((rising | falling).all()), node, what)
    name = next(name for name in node.inputs if not graph.tensor(name).constant)
    # The sum is x - zero point or its negative, since ties may be rounded by its sign.
    zero_point = affine(graph.tensor(name)).zero_point
    first = np.where(rising, -128 - zero_point, zero_point - 127)
    rule = Table(np.where(rising[:, None], rows, rows[:, ::-1]), first, whole)
    everywhere = [0] * output.channels if len(rows) == 1 else list(range(output.channels))
    rule, rising = rule.take(everywhere), rising[everywhere]
    (copy,) = lowered_unary(node, layout, output, rule, bias=0, pad=0)
    weights = np.where(rising, 1, -1)
    few = layout.channels != output.channels
    return [
        copy.replace(
            source=name,
            weights=weights.reshape((-1, 1, 1, 1) if few else (1, 1, -1)),
            bias=np.where(rising, -zero_point, zero_point),
            uniform=len(rows) == 1 and not few,
        )
    ]
