"""The tile loops and the address generator: one read and one reduction step a cycle."""

from typing import Any

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ...config import AcceleratorConfig
from ...isa import COORDINATE_BITS, Isa
from ..primitives.delay_line import DelayLine
from ..signals import LoopCounter, advanced, delayed, step_layout


def _entry(config: AcceleratorConfig) -> data.StructLayout:
    """Where the window of an output position begins in the input."""
    return data.StructLayout(
        {"address": Isa(config).address_bits, "inner": COORDINATE_BITS, "outer": COORDINATE_BITS}
    )


def ring_of(config: AcceleratorConfig) -> dict[str, Any]:
    """The ring that keeps the rows' positions: arguments of ``DelayLine``."""
    return {"width": _entry(config).size, "cycles": config.rows - 1, "family": config.family}


class Issue(wiring.Component):
    """Walks the tiles of a layer.

    A tile is ``rows`` output positions of one group of output channels. Once begun it never stalls.
    It begins when the group's weights are loaded and when the previous tile's results will have
    left the array in time. In each cycle of a tile the word for one row is read; after ``rows``
    cycles each row has its next word, so a tap's block takes ``rows`` cycles. In a broadcast layer
    the word is for all rows and a tap takes one cycle; the last ``rows - 1`` taps of a run, which only
    the other rows need, are no valid steps.

    Timing: the address comes one cycle after the step that it belongs to, ``outside`` two.

    Members
    -------
    descriptor : In(Isa.descriptor)
        The layer; stable while it runs.
    start : In(1)
        Begin the layer. No other layer is running.
    ready : In(2)
        Which halves of the weight buffer hold their group.
    read_coming : Out(1), read_address : Out
        Read of the input bank, stages 0 and 1.
    outside : Out(1)
        The read was outside the input and its data are to be replaced by padding, stage 2.
    slot : Out(range(rows)), step : Out(step_layout)
        Row that the read is for, and the reduction step in row 0's time, stage 0.
    busy : Out(1)
        A tile is in progress.
    waiting_weights, waiting_drain : Out(1)
        No tile is in progress, for this reason.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.isa = Isa(config)
        super().__init__(
            {
                "descriptor": In(self.isa.descriptor),
                "start": In(1),
                "ready": In(2),
                "read_coming": Out(1),
                "read_address": Out(self.isa.address_bits),
                "outside": Out(1),
                "slot": Out(range(config.rows)),
                "step": Out(step_layout),
                "busy": Out(1),
                "waiting_weights": Out(1),
                "waiting_drain": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d = self.descriptor

        # Tile control: a tile begins in the cycle after `begin`, within a group without a pause.
        # Between groups the array pauses for a cycle, in which everything starts over.
        active, busy, half, tile_last = Signal(), Signal(), Signal(), Signal()
        begin, group_end, group_last, open_ = Signal(), Signal(), Signal(), Signal(init=1)

        # A half whose group is done counts as ready until the drain has released it.
        done = Signal(2)
        ended = group_end & ~d.shared
        m.d.sync += done.eq((done | (ended << half)) & self.ready)
        ready = (self.ready & ~done).bit_select(half, 1)
        exhausted = Signal()
        m.d.comb += [
            begin.eq(Mux(busy, tile_last & ~exhausted, active & ready) & open_),
            group_end.eq(tile_last & exhausted),
            self.waiting_weights.eq(active & ~busy & ~ready),
            self.waiting_drain.eq(active & ~busy & ready & ~open_),
        ]
        m.d.sync += [
            busy.eq(begin | (busy & ~tile_last)),
            active.eq(self.start | (active & ~(group_end & group_last))),
            half.eq((half ^ ended) & ~self.start),
        ]
        m.submodules.openings = openings = _Openings(self.config)
        m.d.comb += [
            openings.residual.eq(d.residual),
            openings.start.eq(self.start),
            openings.begin.eq(begin),
            open_.eq(openings.open),
        ]

        # Groups
        group_passed = delayed(m, group_end, 1, name="group_passed", init=0)
        started = delayed(m, self.start, 1, name="started", init=0)
        groups = LoopCounter(
            m, d.groups_less_one, advance=group_passed, restart=started, name="group"
        )
        m.d.comb += group_last.eq(groups.last)

        m.submodules.taps = taps = _Taps(self.config)
        m.submodules.positions = positions = _Positions(self.config)
        m.d.comb += [
            taps.descriptor.eq(d),
            taps.start.eq(self.start),
            taps.busy.eq(busy),
            tile_last.eq(taps.tile_last),
            positions.descriptor.eq(d),
            positions.start.eq(self.start),
            positions.group_passed.eq(group_passed),
            positions.advance.eq(busy & taps.advancing),
            exhausted.eq(positions.exhausted),
        ]

        # Each row keeps its position for the whole tile, in a ring that turns with the slots.
        held = Signal(positions.entry.shape(), reset_less=True)
        entry = Signal.like(held)
        m.d.comb += entry.eq(Mux(taps.first_block, positions.entry, held))
        m.submodules.ring = ring = DelayLine(**ring_of(self.config))
        m.d.comb += ring.i.eq(entry)
        m.d.sync += held.eq(Mux(d.broadcast, entry, ring.o))

        # Stage 1: address and coordinates. Stage 2: whether they are outside the input.
        inner, outer = Signal(COORDINATE_BITS), Signal(COORDINATE_BITS)
        m.d.comb += self.read_coming.eq(busy)
        m.d.sync += [
            self.read_address.eq(entry.address + taps.offset),
            inner.eq(entry.inner + taps.inner),
            outer.eq(entry.outer + taps.outer),
            self.outside.eq((inner >= d.inner_size) | (outer >= d.outer_size)),
        ]
        m.d.comb += [
            self.slot.eq(taps.slot),
            self.busy.eq(busy),
            self.step.valid.eq(busy & ~taps.idle),
            self.step.first.eq(taps.first),
            self.step.last.eq(tile_last),
            self.step.half.eq(half),
            self.step.group_last.eq(exhausted),
        ]
        return m


class _Openings(wiring.Component):
    """When a tile may begin: its results need ``tile_cycles`` of their own after those before.

    Where results are combined with what their places hold, tiles begin in turns: then the words
    that are read and those that are written keep their distance.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(
            {"residual": In(1), "start": In(1), "begin": In(1), "open": Out(1, init=1)}
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
        turns = config.word_cycles * config.pace
        turn = Signal(range(turns))
        again = self.start | (turn == turns - 1)
        m.d.sync += [
            turn.eq(Mux(again, 0, turn + 1)),
            self.open.eq(spaced_next & (~self.residual | again)),
        ]
        return m


class _Taps(wiring.Component):
    """The loops within a tile: outer taps, inner taps, blocks, and the slots of a block.

    Not ``busy`` in the cycle after ``start``.
    """

    def __init__(self, config: AcceleratorConfig):
        self.rows, self.skips = config.rows, config.broadcast_rows > 1
        isa = Isa(config)
        super().__init__(
            {
                "descriptor": In(isa.descriptor),
                "start": In(1),
                "busy": In(1),
                "slot": Out(range(config.rows)),
                "advancing": Out(1),  # the slots of the first `rows` cycles
                "first": Out(1),
                "first_block": Out(1),
                "tile_last": Out(1),
                "idle": Out(1),  # broadcast: a tap that row 0 does not have
                "offset": Out(isa.address_bits),
                "inner": Out(COORDINATE_BITS),
                "outer": Out(COORDINATE_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d = self.descriptor
        # In a broadcast layer every slot is a block.
        slot_last, block_last, all_last = Signal(), Signal(), Signal()
        block_end, inner_end, outer_end = Signal(), Signal(), Signal()
        started = delayed(m, self.start, 1, name="started", init=0)
        blocks = LoopCounter(m, d.blocks_less_one, advance=block_end, restart=started, name="block")
        inner = LoopCounter(
            m, d.inner_taps_less_one, advance=inner_end, restart=started, name="inner"
        )
        outer = LoopCounter(
            m, d.outer_taps_less_one, advance=outer_end, restart=started, name="outer"
        )
        m.d.comb += [
            block_end.eq(block_last & self.busy),
            inner_end.eq(block_end & blocks.last),
            outer_end.eq(inner_end & inner.last),
            self.tile_last.eq(block_end & all_last),
            self.idle.eq(d.broadcast & self._is_late(inner.value)),
            self.inner.eq(Cat(inner.value, C(-1, 1))),
            self.outer.eq(Cat(outer.value, C(-1, 2))),
        ]

        # What becomes of the loops with the end of this block does not depend on when it ends.
        inner_ends, outer_ends, all_end = Signal(), Signal(), Signal()
        inner_turns, outer_turns = started | blocks.last, started | (blocks.last & inner.last)
        m.d.comb += [
            inner_ends.eq(blocks.last_then),
            outer_ends.eq(inner_ends & Mux(inner_turns, inner.last_then, inner.last)),
            all_end.eq(outer_ends & Mux(outer_turns, outer.last_then, outer.last)),
        ]

        with m.If(self.start | self.tile_last):
            m.d.sync += [self.slot.eq(0), slot_last.eq(0), block_last.eq(d.broadcast)]
            m.d.sync += [self.advancing.eq(1), self.first.eq(1), self.first_block.eq(1)]
        with m.Elif(self.busy):
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

        # The offset steps by what the loop that advances asks for; a tile's end takes it back to 0.
        increment = Signal.like(self.offset, reset_less=True)
        with m.If(started | block_end):
            m.d.sync += [
                all_last.eq(all_end),
                increment.eq(
                    Mux(outer_ends, d.tap_outer_step, Mux(inner_ends, d.tap_inner_step, 1))
                ),
            ]
        with m.If(self.tile_last):
            m.d.sync += self.offset.eq(0)
        with m.Elif(block_end):
            m.d.sync += self.offset.eq(self.offset + increment)
        return m

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
        return late & ~(self.descriptor.stride2_skip & (inner == (1 << len(inner)) + 1 - self.rows))


class _Positions(wiring.Component):
    """The output positions of a group in order: where the window of each begins in the input."""

    def __init__(self, config: AcceleratorConfig):
        isa = Isa(config)
        super().__init__(
            {
                "descriptor": In(isa.descriptor),
                "start": In(1),
                "group_passed": In(1),
                "advance": In(1),
                "exhausted": Out(1),  # no position is left behind this cycle's
                "entry": Out(_entry(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d = self.descriptor

        # Groups start at the first position; a depthwise group has input channels of its own.
        base, base_next = Signal.like(d.input_base), Signal.like(d.input_base)
        restart = Signal()
        started = delayed(m, self.start, 1, name="started", init=0)
        m.d.comb += restart.eq(started | self.group_passed)
        m.d.sync += base_next.eq(
            advanced(base, d.input_group_step, load=self.start, loaded=d.input_base)
        )
        with m.If(restart):
            m.d.sync += base.eq(base_next)

        # Positions count on along the inner dimension and across its ends.
        passed, run_end, again = Signal(), Signal(), Signal()
        run = LoopCounter(m, d.run_less_one, advance=self.advance, restart=restart, name="run")
        runs = LoopCounter(m, d.runs_less_one, advance=run_end, restart=restart, name="runs")
        m.d.comb += [
            run_end.eq(self.advance & run.last),
            again.eq(restart | run.last),
            self.exhausted.eq(passed | (run_end & runs.last)),
        ]
        step = Signal.like(self.entry.address, reset_less=True)
        with m.If(restart | self.advance):
            m.d.sync += step.eq(Mux(run.last_then, d.position_outer_step, d.position_inner_step))
        with m.If(restart):
            m.d.sync += [
                self.entry.address.eq(base_next),
                passed.eq(0),
            ]
        with m.Elif(self.advance):
            m.d.sync += [
                self.entry.address.eq(self.entry.address + step),
                passed.eq(self.exhausted),
            ]
        inner, outer = self.entry.inner, self.entry.outer
        with m.If(restart | self.advance):
            m.d.sync += inner.eq(advanced(inner, d.inner_stride, load=again, loaded=d.inner_origin))
        with m.If(restart | (self.advance & run.last)):
            m.d.sync += outer.eq(
                advanced(outer, d.outer_stride, load=restart, loaded=d.outer_origin)
            )
        return m
