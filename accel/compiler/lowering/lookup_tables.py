"""Lowers operators on single codes by their truth tables alone.

A function of one code is a copy through a lookup table. A function of two codes is a copy of one
operand with the other one as its residual operand. `numeric.elementwise.lookup_tables` finds the
tables and proves that they give the operator's codes.
"""

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.elementwise import lookup_tables, threshold_sums
from ..diagnostics import Reason
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution, PostOp, copy_layer
from ..ir.tensor_layout import Alias, layout_of
from ..operators import Binary, Elementwise, operator_of, place_of
from ..operators._binary import NO_SUM, is_maximum, unrounded
from ..operators._copies import repeated
from ..operators._elementwise import lower_table
from ..operators._operator import UnsupportedOperator

_CODES = np.arange(-128, 128)


def lower_unary(node: Node, graph: Graph, alias: Alias) -> list[Convolution]:
    """A function of one code: a lookup table, or a rule for each channel where these differ."""
    table = operator_of(node, Elementwise).table(node, graph)
    if table.ndim != 1:
        copies = lower_table(node, graph, alias.layout, table)
        return [copy.replace(source=alias.root) for copy in copies]
    return _through_table(node, table, alias)


def _through_table(node: Node, table: np.ndarray, alias: Alias) -> list[Convolution]:
    copy = copy_layer(node.name, node.name, alias.root, node.outputs[0], alias.layout.shape)
    low, high = int(table.min()), int(table.max())
    post_op = PostOp(lookup_tables=lookup_tables.of_unary(table), low=low, high=high)
    return [copy.replace(post_op=post_op)]


def lower_binary(
    node: Node, graph: Graph, aliases: tuple[Alias, Alias], copied: int, config: AcceleratorConfig
) -> list[Convolution]:
    """A function of two codes: a copy of one operand, with the other one as residual operand.

    ``copied`` is the index of the operand to copy where both would do. An operand that is smaller
    than the output is always copied, and repeated. A function that no sum of two tables gives is
    made of several such sums.

    Raises ``UnsupportedOperator`` for a function that is neither the maximum nor made of few sums,
    if its operator has no lowering of its own for two variable inputs.
    """
    operator = operator_of(node, Binary)
    table = operator.pair_table(node, graph).astype(np.int64)
    if aliases[0] == aliases[1]:
        return _through_table(node, table.diagonal(), aliases[0])
    one, two = aliases
    operands = (one.root, one.layout), (two.root, two.layout)
    if convolutions := operator.lower_pair(node, graph, operands, config):
        return convolutions
    output = layout_of(graph.tensor(node.outputs[0]))
    smaller = [index for index, alias in enumerate(aliases) if alias.layout.shape != output.shape]
    copied = smaller[0] if smaller else copied
    first, second = aliases[copied], aliases[1 - copied]
    convolutions, other = [], second.root
    if len(smaller) == 2:
        other = f"{second.root} ({node.name}_operand)"
        name = f"{node.name}_operand"
        convolutions.append(repeated(name, node.name, second.root, other, second.layout, output))
    table = table.T if copied else table
    copy = repeated(node.name, node.name, first.root, node.outputs[0], first.layout, output)
    post_op = _post_op(table, other)
    if post_op is not None:
        return [*convolutions, copy.replace(post_op=post_op)]
    real = unrounded(node, graph)
    if real is not None and copied:
        real = real.T
    return [*convolutions, *_several_sums(node, table, real, copy, other)]


def _post_op(table: np.ndarray, residual: str) -> PostOp | None:
    low, high = int(table.min()), int(table.max())
    if is_maximum(table):
        return PostOp(residual=residual, maximum=True, low=low, high=high)
    found = lookup_tables.solve(table, low, high)
    if found is None:
        return None
    return PostOp(residual=residual, lookup_tables=found, low=low, high=high)


def _several_sums(
    node: Node, table: np.ndarray, real: np.ndarray | None, copy: Convolution, residual: str
) -> list[Convolution]:
    """A layer for each of several sums of two tables, and one for each but the first that adds what
    its result counts."""
    sums = threshold_sums.solve(table, real)
    if sums is None:
        raise UnsupportedOperator(Reason(place=place_of(node), what=NO_SUM))
    low, high = int(table.min()), int(table.max())
    unit = lookup_tables.FRACTION_BITS
    made, total, counts = [], "", np.zeros(256, np.int64)
    for index, one in enumerate(sums):
        name, last = f"{node.name}_sum{index}", index == len(sums) - 1
        result = f"{copy.output} ({name})"
        post_op = PostOp(residual=residual, lookup_tables=one.tables)
        made.append(copy.replace(name=name, output=result, post_op=post_op))
        if not total:
            total, counts = result, one.counts + low + 128
            continue
        tables = one.counts << unit, counts << unit
        output = copy.output if last else f"{copy.output} ({node.name}_total{index})"
        name = node.name if last else f"{node.name}_total{index}"
        adding = copy_layer(name, node.name, result, output, copy.output_shape)
        post_op = PostOp(residual=total, lookup_tables=tables, low=low, high=high)
        made.append(adding.replace(post_op=post_op))
        total, counts = output, _CODES + 128
    return made


def fuse_pair(earlier: Convolution, copy: Convolution) -> Convolution | None:
    """One layer for two, the second of which is a copy with a post-op; None if there is none.

    The tensor between the two is not stored then.
    """
    rule, post_op = earlier.rule, copy.post_op
    full = (rule.low, rule.high) == (-128, 127)
    if post_op is None:
        return None
    possible = (
        copy.is_copy_in_place
        and earlier.post_op is None
        and earlier.output == copy.source
        and earlier.output_shape == copy.output_shape
        and (full or post_op.lookup_tables is not None)
    )
    if not possible:
        return None
    if post_op.lookup_tables is not None:
        # The table is read by results that the earlier clamp would have changed.
        first = post_op.lookup_tables[0][np.clip(_CODES, rule.low, rule.high) + 128]
        post_op = post_op.replace(lookup_tables=(first, post_op.lookup_tables[1]))
    return earlier.replace(
        name=f"{earlier.name}+{copy.name}",
        node=copy.node,
        output=copy.output,
        post_op=post_op,
    )
