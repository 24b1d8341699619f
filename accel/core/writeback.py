"""Where results go: the address of every output code."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import AcceleratorConfig
from ..isa import Isa
from .signals import LoopCounter


class WriteBack(wiring.Component):
    """Turns the codes of the requantizers, as they come, into writes of bytes.

    Codes come in the order of the drain: the columns of a row, the rows of a tile, the tiles of a
    group, the groups of a layer. Rows behind the last position, positions that only fill a run, and
    columns behind the last channel are not written; but codes that come together are written
    together, so lanes and the first columns of groups are whole multiples of ``requantizers``.

    Timing: the write comes one cycle after the codes; ``done`` with the layer's last codes' write.

    Members
    -------
    descriptor : In(Isa.descriptor)
        The layer; stable while it runs.
    start : In(1)
        A layer begins.
    coming : In(1), codes : In(8 * requantizers)
        Codes of neighbouring columns, and, a cycle before, that they come.
    write, write_en, write_address, write_data : Out
        Whether there is something to write, and which bytes, in the output bank.
    done : Out(1)
        All codes of the layer have been written.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.isa = Isa(config)
        super().__init__(
            {
                "descriptor": In(self.isa.descriptor),
                "start": In(1),
                "coming": In(1),
                "codes": In(8 * config.requantizers),
                "write": Out(1),
                "write_en": Out(config.rows),
                "write_address": Out(self.isa.address_bits),
                "write_data": Out(config.word_bits),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d = self.descriptor
        rows, columns, count = self.config.rows, self.config.columns, self.config.requantizers

        # The loops within a tile run a cycle ahead of the codes, so that their ends are registers.
        ahead, column, row = Signal(range(columns)), Signal(range(columns)), Signal(range(rows))
        valid, row_end, tile_end, coming_end = Signal(), Signal(), Signal(), Signal()
        m.d.comb += coming_end.eq(self.coming & (ahead == columns - count))
        m.d.sync += [
            valid.eq(self.coming),
            column.eq(ahead),
            row_end.eq(coming_end),
            tile_end.eq(coming_end & (row == rows - 1)),
        ]
        with m.If(self.coming):
            m.d.sync += ahead.eq(ahead + count)
        with m.If(coming_end):
            m.d.sync += [ahead.eq(0), row.eq(row + 1)]
            with m.If(row == rows - 1):
                m.d.sync += row.eq(0)

        # Those around it, as the codes come
        passed, restart = Signal(), Signal()
        group_end, layer_end = Signal(), Signal()
        run_end, exhausted = Signal(), Signal()
        run = LoopCounter(m, d.run_less_one, advance=row_end, restart=restart, name="run")
        runs = LoopCounter(m, d.runs_less_one, advance=run_end, restart=restart, name="runs")
        group = LoopCounter(
            m, d.groups_less_one, advance=group_end, restart=self.start, name="group"
        )
        m.d.comb += [
            restart.eq(group_end | self.start),
            run_end.eq(row_end & run.last),
            exhausted.eq(passed | (run_end & runs.last)),
            group_end.eq(tile_end & exhausted),
            layer_end.eq(group_end & group.last),
        ]
        with m.If(row_end):
            m.d.sync += passed.eq(exhausted)
        with m.If(restart):
            m.d.sync += passed.eq(0)

        # Word and lane where the group's first channel goes, and where the next code goes
        group_word, group_lane = Signal.like(d.output_base), Signal.like(d.output_lane)
        next_word, next_lane = Signal.like(group_word), Signal.like(group_lane)
        row_word, word = (Signal.like(group_word, name=name) for name in ("row_word", "word"))
        lane = Signal.like(group_lane)
        lanes = Signal(range(2 * rows))
        carry = Signal()
        # There is time for a register: a group lasts at least as many cycles as the array has rows.
        m.d.comb += [
            lanes.eq(group_lane + d.output_group_lanes),
            carry.eq(lanes >= rows),
        ]
        m.d.sync += [
            next_lane.eq(Mux(carry, lanes - rows, lanes)),
            next_word.eq(group_word + d.output_group_words + carry),
        ]
        following = Signal.like(row_word)
        m.d.comb += following.eq(row_word + Mux(run.last, d.output_outer_step, d.output_inner_step))
        with m.If(self.start):
            for signal in (group_word, row_word, word):
                m.d.sync += signal.eq(d.output_base)
            m.d.sync += [group_lane.eq(d.output_lane), lane.eq(d.output_lane)]
        with m.Elif(group_end):
            for signal in (group_word, row_word, word):
                m.d.sync += signal.eq(next_word)
            m.d.sync += [group_lane.eq(next_lane), lane.eq(next_lane)]
        with m.Elif(row_end):
            m.d.sync += [row_word.eq(following), word.eq(following), lane.eq(group_lane)]
        with m.Elif(valid):
            lane_last = lane == rows - count
            m.d.sync += [lane.eq(Mux(lane_last, 0, lane + count)), word.eq(word + lane_last)]

        # The write itself
        # The run's counter stands at minus the positions that are left.
        filling = Signal(len(run.value))
        m.d.comb += filling.eq(~Cat(d.run_filling, C(0, len(filling) - len(d.run_filling))))
        real = (run.value <= filling) & ~passed
        real &= column <= Mux(group.last, d.last_columns_less_one, d.columns_less_one)
        lanes_written = Signal(rows)
        m.d.comb += lanes_written.eq(C((1 << count) - 1, count) << lane)
        m.d.sync += [
            self.write.eq(valid & real),
            self.write_en.eq(lanes_written),
            self.write_address.eq(word),
            self.write_data.eq(self.codes.replicate(rows // count)),
            self.done.eq(layer_end),
        ]
        return m
