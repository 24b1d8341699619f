"""When a tile may begin after the one before."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..signals import idle_high


class TileSpacing(wiring.Component):
    """Keeps tiles so far apart that the results of one have left the array before the next.

    The results of a tile take ``AcceleratorConfig.tile_cycles``. In a layer with a residual
    operand, tiles begin only at multiples of a period, counted from the layer's start, so that no
    word of the output is written in a cycle in which one is read.

    Timing: ``open`` is a register; a tile that begins in this cycle closes it from the next one on.

    Members
    -------
    residual, start : In(1)
        The layer has a residual operand; it begins.
    begin : In(1)
        A tile begins in the next cycle.
    open : Out(1)
        One may.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(
            {"residual": In(1), "start": In(1), "begin": In(1), "open": idle_high(Out)}
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        least, most = config.tile_cycles(0), config.tile_cycles(1)
        left, spaced = Signal(range(most)), Signal(init=1)
        alone, count = least == 1, least - 1
        if most > least:
            alone, count = ~self.residual & alone, Mux(self.residual, most - 1, count)
        spaced_next = Mux(self.begin, alone, spaced | (left == 1))
        m.d.sync += [
            left.eq(Mux(self.begin, count, left - 1)),
            spaced.eq(spaced_next),
        ]
        period = config.word_cycles * config.pace
        phase = Signal(range(period))
        again = self.start | (phase == period - 1)
        m.d.sync += [
            phase.eq(Mux(again, 0, phase + 1)),
            self.open.eq(spaced_next & (~self.residual | again)),
        ]
        return m
