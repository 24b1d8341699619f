"""Products in as many DSP cells as the configuration grants, and of logic where those end."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..primitives import booth, multiplier
from ..signals import delayed
from ._element import Element
from .booth import ELEMENT as LOGIC


def _in_cells(config: AcceleratorConfig) -> int:
    """How many products have DSP cells: the first ones of the array."""
    granted = multiplier.products_of(config.family, config.dsps)
    return min(granted, config.rows * config.columns)


def _latencies(config: AcceleratorConfig) -> tuple[int, int]:
    """Cycles from operands to product, in cells and of logic."""
    weight_bits = config.number_format.weight_bits
    return multiplier.latency_of(config.family), booth.latency_of(weight_bits, config.family)


class MixedMultipliers(wiring.Component):
    """Products of two kinds, all as late as those of the slower one.

    The operands of the other kind wait. They and not the products, for operands come from afar.

    Members
    -------
    a, b : In(ArrayLayout(signed, count)), p : Out(ArrayLayout(signed, count))
        Operands and products.
    carry : Out(ArrayLayout(1, count))
        To be added to the products.
    """

    def __init__(self, config: AcceleratorConfig, simulate: bool):
        number, count = config.number_format, config.rows * config.columns
        self.config = config
        self.simulate = simulate
        self.in_cells = _in_cells(config)
        self.cells = multiplier.cells_of(config.family, self.in_cells)
        super().__init__(
            {
                "a": In(data.ArrayLayout(signed(number.activation_bits), count)),
                "b": In(data.ArrayLayout(signed(number.weight_bits), count)),
                "p": Out(data.ArrayLayout(signed(number.product_bits), count)),
                "carry": Out(data.ArrayLayout(1, count)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        number, count = self.config.number_format, len(self.p)
        cell_latency, logic_latency = _latencies(self.config)
        if self.in_cells:
            m.submodules.cells = cells = multiplier.Multiplier(
                count=self.in_cells,
                activation_shape=signed(number.activation_bits),
                weight_shape=signed(number.weight_bits),
                family=self.config.family,
                simulate=self.simulate,
            )
            wait = max(0, logic_latency - cell_latency)
            self._connect(m, cells, range(self.in_cells), wait)
        if self.in_cells < count:
            m.submodules.logic = logic = booth.BoothMultipliers(
                rows=self.config.rows,
                columns=self.config.columns,
                activation_bits=number.activation_bits,
                weight_bits=number.weight_bits,
                family=self.config.family,
                first=self.in_cells,
            )
            wait = max(0, cell_latency - logic_latency)
            self._connect(m, logic, range(self.in_cells, count), wait)
            m.d.comb += self.carry.eq(logic.carry)
        return m

    def _connect(self, m, part, products, wait):
        """The operands and products of these numbers."""
        for k in products:
            m.d.comb += [
                part.a[k].eq(delayed(m, self.a[k], wait, name=f"a_{k}")),
                part.b[k].eq(delayed(m, self.b[k], wait, name=f"b_{k}")),
                self.p[k].eq(part.p[k]),
            ]


ELEMENT = Element(
    title="DSP cells for the first products, logic for the others",
    create=MixedMultipliers,
    latency=lambda config: max(_latencies(config)),
    dsps=lambda config: multiplier.cells_of(config.family, _in_cells(config)),
    serves=LOGIC.serves,
)
