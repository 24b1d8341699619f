"""Accumulation-order sensitivity: results that depend on the order of float32 additions.

The core's sums are exact. The oracle of a network of few bits may round its sums after each
addition, in an order that its library chooses. Sums far from every threshold lead to the same code
in any order; those near to one are counted here.
"""

from dataclasses import dataclass

from ..ir.graph import Graph
from ..operators.sums import Sums


@dataclass(frozen=True, kw_only=True)
class OrderSensitive:
    """A layer that is sensitive to the order of additions.

    Of ``of`` sums that its channels can reach, the order could decide the code of ``sums``. Both
    are 0 for a layer whose float32 results are the network's outputs: their last bits may differ.
    """

    layer: str
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


def order_sensitive(graph: Graph) -> tuple[OrderSensitive, ...]:
    """The layers of a graph that are sensitive to the order of additions."""
    found = []
    for node in graph:
        epilogue = node.epilogue
        sensitive, reached = (epilogue.order_sensitive, epilogue.sums) if epilogue else (None, None)
        if sensitive is not None and reached is not None and sensitive.any():
            sums, of = int(sensitive.sum()), int(reached.sum())
            found.append(OrderSensitive(layer=node.name, sums=sums, of=of))
        if isinstance(node.attributes, Sums) and node.attributes.rounds:
            found.append(OrderSensitive(layer=node.name, sums=0, of=0))
    return tuple(found)
