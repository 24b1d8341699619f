"""What networks of few bits leave to the order in which a runtime adds float32 numbers.

The core's sums are exact. Where a network's scales leave float32 no bits for that, the oracle's own sums
are rounded after each addition, in an order that is its library's. Sums far from every threshold
have one code all the same; those near to one are counted here.
"""

from dataclasses import dataclass

from ..ir.graph import Graph
from ..operators.sums import Sums


@dataclass(frozen=True, kw_only=True)
class OrderSensitive:
    """Of ``of`` sums that a layer's channels can reach, ``sums`` whose code the order could decide.

    Both are 0 for a layer whose numbers leave the network: their last bits may differ.
    """

    layer: str
    sums: int
    of: int

    def __str__(self) -> str:
        if not self.of:
            return (
                f"{self.layer}: last bits of its float32 numbers may differ: the oracle rounds after "
                "each addition, by scales that are no powers of two"
            )
        return (
            f"{self.layer}: at {self.sums:,} of {self.of:,} sums the order of the oracle's float32 "
            "additions could decide; proved equal at all others"
        )


def order_sensitive(graph: Graph) -> tuple[OrderSensitive, ...]:
    """Every layer that has some."""
    found = []
    for node in graph:
        sensitive = node.epilogue.order_sensitive if node.epilogue else None
        if sensitive is not None and sensitive.any():
            sums, of = int(sensitive.sum()), int(node.epilogue.sums.sum())
            found.append(OrderSensitive(layer=node.name, sums=sums, of=of))
        if isinstance(node.attributes, Sums) and node.attributes.rounds:
            found.append(OrderSensitive(layer=node.name, sums=0, of=0))
    return tuple(found)
