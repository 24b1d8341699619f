"""The multipliers that the family has: DSP cells, or whatever synthesis makes of a product."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring

from ...config import AcceleratorConfig
from ..primitives.multiplier import Multiplier, cells_of, latency_of
from ._element import Element, ProcessingElement, Products

_LOGIC_LATENCY = 2


class _Logic(ProcessingElement):
    """A format's own product as it states it, between registers."""

    def elaborate(self, platform):
        m = Module()
        a, b = Signal.like(self.a, reset_less=True), Signal.like(self.b, reset_less=True)
        product = Signal.like(self.p, reset_less=True)
        m.d.sync += [a.eq(self.a), b.eq(self.b), product.eq(self.number.product(a, b))]
        m.d.comb += self.p.eq(product)
        return m


def _create(config: AcceleratorConfig, simulate: bool) -> wiring.Component:
    number = config.number_format
    if not number.multiplies:
        return Products(config, _Logic)
    return Multiplier(
        count=config.rows * config.columns,
        activation_shape=signed(number.activation_bits),
        weight_shape=signed(number.weight_bits),
        family=config.family,
        simulate=simulate,
    )


def _latency(config: AcceleratorConfig) -> int:
    return latency_of(config.family) if config.number_format.multiplies else _LOGIC_LATENCY


def _dsps(config: AcceleratorConfig) -> int:
    products = config.rows * config.columns if config.number_format.multiplies else 0
    return cells_of(config.family, products)


ELEMENT = Element(
    title="the family's multipliers, or logic for a product of another kind",
    create=_create,
    latency=_latency,
    dsps=_dsps,
    serves=lambda number: True,
)
