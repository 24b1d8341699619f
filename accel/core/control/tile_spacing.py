"""When a tile may begin after the one before."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..signals import delayed, idle_high


class TileSpacing(wiring.Component):
    """Keeps tiles so far apart that the results of one have left the array before the next.

    The results of a tile take ``AcceleratorConfig.tile_cycles``. In a layer with a residual
    operand, tiles begin only at multiples of a period, counted from the layer's start, so that no
    word of the output is written in a cycle in which one is read. Tiles of a layer of wide sums are
    so far apart that nothing is read or written of two at a time.

    Timing: ``open`` is a register; a tile that begins in this cycle closes it from the next one on.

    Members
    -------
    residual, start : In(1)
        The layer has a residual operand; it begins.
    sums : In(1)
        On cores that keep sums: it keeps sums, or adds to such.
    begin : In(1)
        A tile begins in the next cycle.
    open : Out(1)
        One may.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        names = ["residual", "start", "begin", *(["sums"] if config.keeps_sums else [])]
        super().__init__({**{name: In(1) for name in names}, "open": idle_high(Out)})

    def elaborate(self, platform):
        m = Module()
        config = self.config
        least, most = config.tile_cycles(0), config.tile_cycles(1)
        wide = config.tile_cycles(0, 1) if config.keeps_sums else 0
        left, spaced = Signal(range(max(most, wide))), Signal(init=1)
        count = Mux(self.residual, most - 1, least - 1) if most > least else C(least - 1)
        if wide:
            count = Mux(self.sums, wide - 1, count)
        # That a tile begins is known late in the cycle. So the count begins a cycle later, if there
        # is one to spare.
        late = int(least > 2)
        begun = delayed(m, self.begin, late, name="begun", init=0)
        spaced_next = ~self.begin & (spaced | (~begun & (left == 1)))
        m.d.sync += [
            left.eq(Mux(begun, count - late, left - 1)),
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
