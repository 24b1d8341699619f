"""The loops within a tile: outer taps, inner taps, blocks, and the rows of a block."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ...config import AcceleratorConfig
from ...isa import COORDINATE_BITS, Isa
from ..signals import LoopCounter, delayed
from ..signatures import LayerControl

SHARE_CYCLES = 32  # of reads, after which one is left free where a run shares the memory


class TapLoops(wiring.Component):
    """Gives a word of a tap for each row in turn, block by block, tap by tap, tile by tile.

    A block is a word of a tap: ``rows`` cycles, in each of which the word for one row is read. In a
    broadcast layer the word is for all rows, so a block is one cycle.

    Timing: all outputs are those of this cycle; while ``busy`` is 0 they stay.

    Members
    -------
    layer : In(LayerControl)
        The layer. Not ``busy`` in the cycle after its start.
    busy : In(1), share : In(1)
        A tile is in progress; it leaves cycles free.
    slot : Out(range(rows))
        The row that the word is for.
    advancing : Out(1)
        These are the first ``rows`` cycles of a tile, in which rows take their positions.
    first, first_block, tile_last : Out(1)
        The first cycle of a tile; its first block; its last cycle.
    idle : Out(1)
        In a broadcast layer: a tap that row 0 does not have, only rows after it. Or a pause.
    pause : Out(1)
        Nothing is read in this cycle, and no loop goes on. So it is after a block, in a broadcast
        layer after a run of inner taps, when ``SHARE_CYCLES`` have passed since the tile began or
        since the last pause; not after a tile.
    offset : Out, inner, outer : Out
        Of the word from the window's begin: in words, and in coordinates minus the window's size.
    """

    def __init__(self, config: AcceleratorConfig):
        self.rows, self.skips = config.rows, config.broadcast_rows > 1
        isa = Isa(config)
        super().__init__(
            {
                "layer": In(LayerControl(isa)),
                "busy": In(1),
                "share": In(1),
                "slot": Out(range(config.rows)),
                "advancing": Out(1),
                "first": Out(1),
                "first_block": Out(1),
                "tile_last": Out(1),
                "idle": Out(1),
                "pause": Out(1),
                "offset": Out(isa.address_bits),
                "inner": Out(COORDINATE_BITS),
                "outer": Out(COORDINATE_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d = self.layer.descriptor
        slot_last, block_last, all_last = Signal(), Signal(), Signal()
        started = delayed(m, self.layer.start, 1, name="started", init=0)

        block_end, inner_end, outer_end = Signal(), Signal(), Signal()
        going = Signal()
        m.d.comb += going.eq(self.busy & ~self.pause)
        loops = {
            name: LoopCounter(m, less_one, advance=end, restart=started, name=name)
            for name, less_one, end in (
                ("block", d.blocks_less_one, block_end),
                ("inner", d.inner_taps_less_one, inner_end),
                ("outer", d.outer_taps_less_one, outer_end),
            )
        }
        blocks, inner, outer = loops.values()
        m.d.comb += [
            block_end.eq(block_last & going),
            inner_end.eq(block_end & blocks.last),
            outer_end.eq(inner_end & inner.last),
            self.tile_last.eq(block_end & all_last),
            self.idle.eq(self.pause | (d.broadcast & self._is_late(inner.value))),
            self.inner.eq(Cat(inner.value, C(-1, 1))),
            self.outer.eq(Cat(outer.value, C(-1, 2))),
        ]

        with m.If(self.layer.start | self.tile_last):
            m.d.sync += [self.slot.eq(0), slot_last.eq(0), block_last.eq(d.broadcast)]
            m.d.sync += [self.advancing.eq(1), self.first.eq(1), self.first_block.eq(1)]
        with m.Elif(going):
            m.d.sync += [
                self.slot.eq(Mux(slot_last, 0, self.slot + 1)),
                slot_last.eq(self.slot == self.rows - 2),
                block_last.eq(d.broadcast | (self.slot == self.rows - 2)),
                self.first.eq(0),
            ]
            with m.If(slot_last):
                m.d.sync += self.advancing.eq(0)
            with m.If(block_end):
                m.d.sync += self.first_block.eq(0)

        self._pause(m, going, Mux(d.broadcast, outer_end, block_end))
        self._step(m, started, block_end, all_last, *loops.values())
        return m

    def _pause(self, m, going, may_follow):
        since, due = Signal(range(SHARE_CYCLES)), Signal()
        m.d.comb += due.eq(since == SHARE_CYCLES - 1)
        m.d.sync += self.pause.eq(self.share & due & may_follow & ~self.tile_last)
        with m.If(self.layer.start | self.tile_last | self.pause):
            m.d.sync += since.eq(0)
        with m.Elif(going & ~due):
            m.d.sync += since.eq(since + 1)

    def _step(self, m, started, block_end, all_last, blocks, inner, outer):
        """The offset steps by what the loop that advances asks for, and is 0 again after a tile."""
        d = self.layer.descriptor
        # What becomes of the loops with the end of this block does not depend on when it ends.
        inner_ends, outer_ends, all_end = Signal(), Signal(), Signal()
        inner_again, outer_again = started | blocks.last, started | (blocks.last & inner.last)
        m.d.comb += [
            inner_ends.eq(blocks.last_then),
            outer_ends.eq(inner_ends & Mux(inner_again, inner.last_then, inner.last)),
            all_end.eq(outer_ends & Mux(outer_again, outer.last_then, outer.last)),
        ]
        increment = Signal.like(self.offset, reset_less=True)
        step = Mux(outer_ends, d.tap_outer_step, Mux(inner_ends, d.tap_inner_step, 1))
        with m.If(started | block_end):
            m.d.sync += [all_last.eq(all_end), increment.eq(step)]
        with m.If(self.tile_last):
            m.d.sync += self.offset.eq(0)
        with m.Elif(block_end):
            m.d.sync += self.offset.eq(self.offset + increment)

    def _is_late(self, inner):
        """Whether at most ``rows - 1`` taps of a run are left, or one less if every other row is
        left out; ``inner`` is minus how many are."""
        bits = ceil_log2(self.rows)
        if self.rows == 1 << bits:
            late = inner[bits:].all() & inner[:bits].any()
        else:
            late = inner > (1 << len(inner)) - self.rows
        if not self.skips:
            return late
        one_less = inner == (1 << len(inner)) + 1 - self.rows
        return late & ~(self.layer.descriptor.stride2_skip & one_less)
