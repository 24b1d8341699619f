"""Accumulation-order sensitivity: results that depend on the order of float32 additions.

The core's sums are exact. A runtime that computes a layer in float32 may round its sums after each
addition, in an order that its library chooses: of networks of few bits, of ONNX layers between
quantizers that ONNX Runtime has no kernel on codes for. Sums far from every threshold lead to the
same code in any order; those near to one are counted here.
"""

from dataclasses import dataclass
from typing import Any

from ..diagnostics import Reason
from ..ir.graph import Graph
from ..operators import OPERATORS, HostOnly
from ..operators._operator import place_of
from ..operators.sums import Sums


@dataclass(frozen=True, kw_only=True)
class OrderSensitive:
    """A layer that is sensitive to the order of additions.

    Of ``of`` sums that its channels can reach, the order could decide the code of ``sums``. Both
    are 0 for a layer whose float32 results are the network's outputs: their last bits may differ.
    ``place`` is the operator in the user's file.
    """

    layer: str
    place: str
    sums: int
    of: int

    def __str__(self) -> str:
        if not self.of:
            return (
                f"{self.layer}: last bits of its float32 numbers may differ: the oracle rounds "
                "after each addition, by scales that are no powers of two"
            )
        return (
            f"{self.layer}: at {self.sums:,} of {self.of:,} sums the order of the oracle's float32 "
            "additions could decide; proved equal at all others"
        )

    def as_dict(self) -> dict[str, Any]:
        return {"layer": self.layer, "place": self.place, "sums": self.sums, "of": self.of}

    @property
    def reason(self) -> Reason:
        """Why the layer is not exact, for a compilation in which all must be."""
        what = "is computed in float32 by the oracle, and the order of its additions"
        what += " could decide codes" if self.of else " decides last bits"
        why = f"at {self.sums:,} of {self.of:,} sums" if self.of else ""
        remedy = "compile with --closest (Python's exact=False), which names it"
        return Reason(place=self.place, what=what, why=why, remedy=remedy)


def added_by_driver(graph: Graph) -> tuple[str, ...]:
    """Places of the layers at the network's end that the driver adds up in the oracle's order."""
    operators = ((node, OPERATORS[node.operator]) for node in graph)
    return tuple(
        place_of(node) for node, one in operators if isinstance(one, HostOnly) and one.in_order
    )


def order_sensitive(graph: Graph) -> tuple[OrderSensitive, ...]:
    """The layers of a graph that are sensitive to the order of additions."""
    found = []
    for node in graph:
        epilogue, place = node.epilogue, place_of(node)
        sensitive, reached = (epilogue.order_sensitive, epilogue.sums) if epilogue else (None, None)
        sums, of = node.order_sensitive
        if sensitive is not None and reached is not None:
            sums, of = int(sensitive.sum()), int(reached.sum())
        rounds = isinstance(node.attributes, Sums) and node.attributes.rounds
        if sums or rounds:
            of = of if sums else 0
            found.append(OrderSensitive(layer=node.name, place=place, sums=sums, of=of))
    return tuple(found)
