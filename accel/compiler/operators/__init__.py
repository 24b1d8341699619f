"""The operators of the representation, one file each; the file's name is the operator's name."""

import sys
from collections.abc import Mapping
from typing import TypeVar

from ...discovery import discover
from ..ir.graph import Node
from ._kinds import (
    Binary,
    Elementwise,
    HostOnly,
    Index,
    Linear,
    Movement,
    OnCore,
    Operator,
    Product,
    Ruled,
    View,
)
from ._operator import UnsupportedOperator, place_of

__all__ = [
    "OPERATORS",
    "Binary",
    "Elementwise",
    "HostOnly",
    "Index",
    "Linear",
    "Movement",
    "OnCore",
    "Operator",
    "Product",
    "Ruled",
    "UnsupportedOperator",
    "View",
    "operator_of",
    "place_of",
]

OPERATORS: Mapping[str, Operator] = discover(sys.modules[__name__], "OPERATOR")

Kind = TypeVar("Kind", bound=Operator)


def operator_of(node: Node, kind: type[Kind]) -> Kind:
    """The operator of a node that is known to be of a kind."""
    operator = OPERATORS[node.operator]
    assert isinstance(operator, kind), f"{node.operator} is no {kind.__name__}"
    return operator
