"""Two products to a DSP cell of the ECP5, for weights of few bits."""

from amaranth.hdl import Module, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..primitives.packed import PackedMultipliers, fits
from ._element import Element


class PackedProducts(wiring.Component):
    """The products of the array, in pairs that have the same activation in all layers: those of a
    column and of the column ``rows`` further on."""

    def __init__(self, config: AcceleratorConfig, simulate: bool):
        number = config.number_format
        self.config = config
        self.pairs = PackedMultipliers(
            count=config.rows * config.columns // 2,
            activation_bits=number.activation_bits,
            weight_bits=number.weight_bits,
            family=config.family,
            simulate=simulate,
        )
        self.cells = _dsps(config)
        count = config.rows * config.columns
        super().__init__(
            {
                "a": In(data.ArrayLayout(signed(number.activation_bits), count)),
                "b": In(data.ArrayLayout(signed(number.weight_bits), count)),
                "p": Out(data.ArrayLayout(signed(number.product_bits), count)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rows, columns = self.config.rows, self.config.columns
        m.submodules.pairs = pairs = self.pairs
        lows = [
            row * columns + column
            for row in range(rows)
            for column in range(columns)
            if column % (2 * rows) < rows
        ]
        for pair, low in enumerate(lows):
            m.d.comb += pairs.a[pair].eq(self.a[low])
            for member, k in enumerate((low, low + rows)):
                m.d.comb += [
                    pairs.b[pair][member].eq(self.b[k]),
                    self.p[k].eq(pairs.p[pair][member]),
                ]
        return m


def _dsps(config: AcceleratorConfig) -> int:
    return config.rows * config.columns // 2 if config.family == "ecp5" else 0


def _obstacle(config: AcceleratorConfig) -> str | None:
    if config.columns % (2 * config.rows):
        return (
            f"two columns share an activation where there are twice as many columns as rows, or a "
            f"multiple of that, not in {config.rows}x{config.columns}"
        )
    return None


ELEMENT = Element(
    title="two products to a DSP cell of the ECP5",
    create=PackedProducts,
    latency=lambda config: PackedMultipliers.LATENCY,
    dsps=_dsps,
    serves=lambda number: (
        number.multiplies
        and not number.sub_byte
        and fits(number.activation_bits, number.weight_bits)
    ),
    obstacle=_obstacle,
)
