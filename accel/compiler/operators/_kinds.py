"""The kinds of operators, and the functions that an operator's file defines for each.

    Operator                any operator: attributes, check, reference
    +- HostOnly             the driver computes it
    +- Product              of two activations, by either: lower
    +- OnCore               the core computes it: lower
       +- Linear            a rule of sums of products: output_rule, sum_bounds
       +- Movement          moves or selects codes
       |  +- View           only gives its input another shape
       +- Index             finds positions of codes: decode
       +- Elementwise       a function of one code: table
          +- Binary         a function of two codes: pair_table, lower_pair
          +- Conversion     codes of another scale: output_rule, sum_bounds

The required functions of a kind have no default: an operator that lacks one cannot be made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...config import AcceleratorConfig
from ...numeric.rules.rules import Rule
from ..ir.graph import Graph, Node
from ..ir.layer import Convolution
from ..ir.tensor_layout import TensorLayout

Operand = tuple[str, TensorLayout]  # the name of a tensor in memory, and how it is stored there

Check = Callable[[Node, Graph], None]
Reference = Callable[[Node, Graph, Sequence[np.ndarray]], list[np.ndarray]]
Lower = Callable[[Node, Graph, TensorLayout], list[Convolution]]
LowerProduct = Callable[[Node, Graph, AcceleratorConfig], list[Convolution]]
LowerPair = Callable[[Node, Graph, tuple[Operand, Operand], AcceleratorConfig], list[Convolution]]
OutputRule = Callable[[Node, Graph], Rule]
SumBounds = Callable[[Node, Graph], tuple[np.ndarray, np.ndarray]]
CodeTable = Callable[[Node, Graph], np.ndarray]
Decode = Callable[[Node, Graph, np.ndarray], np.ndarray]


def by_table(node: Node, graph: Graph, layout: TensorLayout) -> list[Convolution]:
    """The ``lower`` of an `Elementwise` operator that is always computed by its table."""
    return []


def by_pair_table(
    node: Node, graph: Graph, operands: tuple[Operand, Operand], config: AcceleratorConfig
) -> list[Convolution]:
    """The ``lower_pair`` of a `Binary` operator that is always computed by its table."""
    return []


@dataclass(frozen=True, kw_only=True)
class Operator:
    """What every operator has.

    ``attributes`` is the class of its nodes' attributes. ``check(node, graph)`` raises
    ``InvalidGraph`` or ``UnsupportedOperator``; all tensors have passed ``verify`` before.
    ``reference(node, graph, inputs)`` computes arrays from arrays: activations are ``[N, ...]``
    batches, constants have their own shape, absent optional inputs are left out. ``host`` says that
    the driver computes the operator before the core's first layer or after its last one.
    """

    attributes: type
    check: Check
    reference: Reference
    host: bool = False
    alias: ClassVar[bool] = (
        False  # whether the output can be the input's memory under another shape
    )


@dataclass(frozen=True, kw_only=True)
class HostOnly(Operator):
    """Only the driver computes it; inside the network the core's run is parted there.

    ``in_order`` says that it adds float32 numbers up in the oracle's own order, in place of a layer
    of the core.
    """

    host: bool = True
    in_order: bool = False


@dataclass(frozen=True, kw_only=True)
class Product(Operator):
    """The core or the driver computes it, as its attributes' field ``on_core`` says.

    ``lower(node, graph, config)`` returns the convolutions of the core that do. Raises
    ``UnsupportedOperator`` where there are none.
    """

    lower: LowerProduct
    host: bool = True


@dataclass(frozen=True, kw_only=True)
class OnCore(Operator):
    """The core computes it: ``lower(node, graph, layout)`` returns the convolutions that do.

    ``layout`` is how the input lies in memory. Raises ``UnsupportedOperator`` for a node that the
    core cannot compute.
    """

    lower: Lower


@dataclass(frozen=True, kw_only=True)
class Ruled(Operator):
    """The output is a step function of an integer sum.

    ``output_rule(node, graph)`` is that function; the sum is ``sum(w * (x - zero point)) + bias``,
    or for pooling the plain sum of the codes. ``sum_bounds(node, graph)`` returns the least and the
    greatest sum that any input can reach, int64 ``[channels]`` each.
    """

    output_rule: OutputRule
    sum_bounds: SumBounds


@dataclass(frozen=True, kw_only=True)
class Linear(Ruled, OnCore):
    """Sums of products, or of codes, and a rule that makes a code of each sum."""


@dataclass(frozen=True, kw_only=True)
class Movement(OnCore):
    """Every output code is a code of an input or a constant: moved, or the greatest of several."""


@dataclass(frozen=True, kw_only=True)
class View(Movement):
    """The same values in the same order: free where the words in memory stay the same."""

    alias: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class Index(OnCore):
    """The output is integers that are no codes.

    The core stores codes for them; ``decode(node, graph, codes)`` makes the integers of these. The
    driver decodes, so the core computes such an operator only at the end of the network. Attributes
    have a field ``driver``, which says that the driver computes the node altogether.
    """

    decode: Decode


@dataclass(frozen=True, kw_only=True)
class Elementwise(OnCore):
    """Every output code is a function of one code at the same place.

    ``table(node, graph)`` is that function, int8 ``[256]`` with entry 0 for code -128, or
    ``[channels, 256]`` where channels differ. ``lower`` gives convolutions that are preferred to
    the table where the core computes them exactly; none where there are no such.
    """

    lower: Lower = by_table
    table: CodeTable


@dataclass(frozen=True, kw_only=True)
class Binary(Elementwise):
    """Every output code is a function of two codes; inputs broadcast, and one may be constant.

    ``pair_table(node, graph)`` is that function, int8 ``[256, 256]`` for the codes of the first and
    the second input. ``table`` is the function of the variable input where the other one is
    constant; it raises ``UnsupportedOperator`` where none is, or where the constant is neither one
    number nor one for each channel. ``lower_pair(node, graph, operands, config)`` gives the
    convolutions for two variable inputs; none where the table is enough.
    """

    pair_table: CodeTable
    lower_pair: LowerPair = by_pair_table


@dataclass(frozen=True, kw_only=True)
class Conversion(Elementwise, Ruled):
    """Codes of one quantization from those of another: has a table and a rule."""
