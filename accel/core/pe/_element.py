"""What a processing element states."""

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.lib import wiring

from ...config import AcceleratorConfig


@dataclass(frozen=True, kw_only=True)
class Element:
    """A way to multiply.

    Parameters
    ----------
    title
        For people.
    create
        Called with a configuration and ``simulate``: a component for all products of the array, with
        ports ``a``, ``b`` and ``p`` that are `ArrayLayout` of activations, weights and their exact
        products, row-major. With ``simulate`` it has no vendor cells.
    latency
        Cycles from operands to product in a configuration; one set of products a cycle.
    dsps
        DSP cells that all products of a configuration take.
    """

    title: str
    create: Callable[[AcceleratorConfig, bool], wiring.Component]
    latency: Callable[[AcceleratorConfig], int]
    dsps: Callable[[AcceleratorConfig], int] = lambda config: 0
