"""The multipliers that the family has: DSP cells, or whatever synthesis makes of a product."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from ...config import AcceleratorConfig
from ..primitives.multiplier import Multiplier, cells_of, latency_of
from ..signals import delayed
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


class _SubByteProducts(wiring.Component):
    """The family's products of bytes and, for sub-byte values, the sums of their products."""

    def __init__(self, config: AcceleratorConfig, simulate: bool):
        self.sub_byte_format = config.number_format.sub_byte
        self.latency = latency_of(config.family)
        self.bytes = _of_bytes(config, simulate)
        self.cells = self.bytes.cells
        ports = self.bytes.signature.members
        super().__init__({**ports, "sub_byte": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.bytes = whole = self.bytes
        m.d.comb += [whole.en.eq(self.en), whole.a.eq(self.a), whole.b.eq(self.b)]
        bits, count = self.sub_byte_format.bits, self.sub_byte_format.packing_factor
        for k in range(len(self.p)):
            a, b = (
                Signal.like(port[k], name=f"s0_{name}_{k}", reset_less=True)
                for name, port in (("a", self.a), ("b", self.b))
            )
            m.d.sync += [a.eq(self.a[k]), b.eq(self.b[k])]
            if bits == 1:
                alike = ~(a ^ b)
                total = (sum(alike[index] for index in range(count)) << 1) - count
            else:
                pairs = [
                    [value.as_unsigned().word_select(index, bits).as_signed() for value in (a, b)]
                    for index in range(count)
                ]
                total = sum(one * other for one, other in pairs)
            later = Signal(Value.cast(total).shape(), name=f"s1_sum_{k}", reset_less=True)
            m.d.sync += later.eq(total)
            later = delayed(m, later, self.latency - 2, name=f"sum_{k}")
            m.d.comb += self.p[k].eq(Mux(self.sub_byte, later, whole.p[k]))
        return m


def _create(config: AcceleratorConfig, simulate: bool) -> wiring.Component:
    number = config.number_format
    if number.sub_byte:
        return _SubByteProducts(config, simulate)
    return _of_bytes(config, simulate) if number.multiplies else Products(config, _Logic)


def _of_bytes(config: AcceleratorConfig, simulate: bool) -> Multiplier:
    number = config.number_format
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
