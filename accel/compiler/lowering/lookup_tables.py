"""Lowers operators on single codes by nothing but their truth tables.

A function of a pair of codes is a copy of the one operand, combined with the other one in its place;
a function of one code is a copy through a table. `numeric.tables` proves what it makes of them.
"""

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.elementwise import lookup_tables
from ...numeric.rules.rules import Mean
from ..diagnostics import Reason
from ..ir.graph import Graph, Node
from ..ir.layer import Combination, Convolution, Region, identity
from ..ir.tensor_layout import View, stored
from ..operators import OPERATORS, place_of
from ..operators._copies import repeated
from ..operators._elementwise import lower_table
from ..operators._operator import UnsupportedOperator

_CODES = np.arange(-128, 128)


def is_identity(c: Convolution) -> bool:
    """Whether a convolution copies its input as it is, before it combines it."""
    return (
        isinstance(c.rule, Mean)
        and (c.rule.count, c.rule.low, c.rule.high) == (1, -128, 127)
        and c.input_shape == c.output_shape
        and c.region == Region(0, 0, *c.output_shape[:2])
        and c.weights.shape == (1, 1, c.output_shape[2])
        and bool((c.weights == 1).all())
        and not c.bias.any()
        and c.stride == c.spread == (1, 1)
        and c.padding == (0, 0)
        and not c.transposed
    )


def lower_unary(node: Node, graph: Graph, view: View) -> list[Convolution]:
    """A function of one code: a table where it is the same in all channels, else a rule for each."""
    table = OPERATORS[node.operator].unary(node, graph)
    if table.ndim != 1:
        copies = lower_table(node, graph, view.storage, table)
        return [copy.replace(source=view.root) for copy in copies]
    return _through_table(node, table, view)


def _through_table(node: Node, table: np.ndarray, view: View) -> list[Convolution]:
    copy = identity(node.name, node.name, view.root, node.outputs[0], view.storage.shape)
    low, high = int(table.min()), int(table.max())
    combination = Combination(tables=lookup_tables.of_unary(table), low=low, high=high)
    return [copy.replace(combination=combination)]


def lower_binary(
    node: Node, graph: Graph, views: tuple[View, View], copied: int, config: AcceleratorConfig
) -> list[Convolution]:
    """A function of a pair of codes; ``copied`` is the operand that the other one is combined with,
    if it is free to choose: one that is smaller than the output is always copied, to repeat it.

    Raises ``UnsupportedOperator`` for a function that is neither the maximum nor a sum of tables, and
    for which its operator knows no other way.
    """
    operator = OPERATORS[node.operator]
    table = operator.binary(node, graph).astype(np.int64)
    if views[0] == views[1]:
        return _through_table(node, table.diagonal(), views[0])
    if operator.pair is not None:
        first, second = ((view.root, view.storage) for view in views)
        return operator.pair(node, graph, (first, second), config)
    output = stored(graph.tensor(node.outputs[0]))
    smaller = [index for index, view in enumerate(views) if view.storage.shape != output.shape]
    copied = smaller[0] if smaller else copied
    first, second = views[copied], views[1 - copied]
    convolutions, other = [], second.root
    if len(smaller) == 2:
        other = f"{second.root} ({node.name}_operand)"
        name = f"{node.name}_operand"
        convolutions.append(repeated(name, node.name, second.root, other, second.storage, output))
    table = table.T if copied else table
    copy = repeated(node.name, node.name, first.root, node.outputs[0], first.storage, output)
    combination = _combination(node, table, other)
    return [*convolutions, copy.replace(combination=combination)]


def _combination(node: Node, table: np.ndarray, second: str) -> Combination:
    low, high = int(table.min()), int(table.max())
    if (table == np.clip(np.maximum(_CODES[:, None], _CODES), low, high)).all():
        return Combination(second=second, maximum=True, low=low, high=high)
    found = lookup_tables.solve(table, low, high)
    if found is None:
        what = "its results are no rounded sum of a function of each operand"
        raise UnsupportedOperator(Reason(place=place_of(node), what=what))
    return Combination(second=second, tables=found, low=low, high=high)


def fused(earlier: Convolution, copy: Convolution) -> Convolution | None:
    """One convolution that does what two do, of which the second combines copies of its input.

    The tensor between the two is no more. None where that is not possible.
    """
    rule, combination = earlier.rule, copy.combination
    full = (rule.low, rule.high) == (-128, 127)
    possible = (
        is_identity(copy)
        and combination is not None
        and earlier.combination is None
        and earlier.output == copy.source
        and earlier.output_shape == copy.output_shape
        and (full or combination.tables is not None)
    )
    if not possible:
        return None
    if combination.tables is not None:
        # The tables see results that the earlier clamp would have changed.
        first = combination.tables[0][np.clip(_CODES, rule.low, rule.high) + 128]
        combination = combination.replace(tables=(first, combination.tables[1]))
    return earlier.replace(
        name=f"{earlier.name}+{copy.name}",
        node=copy.node,
        output=copy.output,
        combination=combination,
    )
