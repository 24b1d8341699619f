"""Where results go: the place of every output code."""

from math import gcd
from typing import Any

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ...config import AcceleratorConfig
from ...isa import Isa
from ..primitives import memory
from ..primitives.delay_line import DelayLine
from ..signals import LoopCounter, advanced, delayed
from . import post_op


def read_lead(config: AcceleratorConfig) -> int:
    """Cycles from the place of a result to what the place holds, ready to be combined."""
    return memory.latency_of(config.family) + 1


def write_delay(config: AcceleratorConfig) -> int:
    """Cycles from the place of a word's last result to the write of the word."""
    return read_lead(config) + post_op.latency_of(config) + 1


def places_of(config: AcceleratorConfig) -> dict[str, Any]:
    """What keeps the places of results until these are there: arguments of ``DelayLine``."""
    marks = 4
    return {
        "width": Isa(config).address_bits + ceil_log2(config.rows) + marks,
        "cycles": write_delay(config) - 1,
        "family": config.family,
    }


class _Lines:
    """What lines of columns change, where there are several: see `isa`. Plain words elsewhere."""

    def __init__(self, config: AcceleratorConfig, descriptor):
        self.config, self.descriptor = config, descriptor
        self.several = config.broadcast_rows > 1

    def inner_step(self, m, row):
        """From the word of a row, which counts a cycle early, to that of the next one of its run."""
        d = self.descriptor
        if not self.several:
            return d.output_inner_step
        self.odd = delayed(m, row[0], 1, name="odd")
        return Mux(d.stride2_skip & ~self.odd, 0, d.output_inner_step)

    def step(self, line_end):
        """From a code's word to that of the next one of its row."""
        return (
            Mux(line_end, self.descriptor.output_broadcast_row_step, 0)
            if self.several
            else line_end
        )

    def channel(self, column, lane):
        """Which of its group's channels a column computes."""
        return Mux(self.descriptor.broadcast, lane, column) if self.several else column

    def written(self, m, line_end, row_end, last_run):
        """Whether the line of a code is one that is written, where there are several."""
        d, line = self.descriptor, Signal(range(self.config.broadcast_rows))
        with m.If(row_end):
            m.d.sync += line.eq(0)
        with m.Elif(line_end):
            m.d.sync += line.eq(line + 1)
        limit = Mux(last_run, d.last_broadcast_rows_less_one, d.broadcast_rows_less_one)
        return (line <= limit) & ~(d.stride2_skip & self.odd)


class WriteBack(wiring.Component):
    """Finds the places of the results as they come, collects their codes into words, and writes them.

    Results come in the order of the drain: the columns of a row, the rows of a tile, the tiles of a
    group, the groups of a layer. Rows after the last position, positions that only fill a run, and
    columns after the last channel are not written; but codes that come together are written
    together, so lanes and the first columns of groups are whole multiples of ``requantizers``. Lines of
    columns, where there are several, go to places of their own, see `isa`. In a
    layer with a second operand the word that results go to is read first; tiles then begin in turns,
    such that no word is written in a cycle in which one is read.

    Timing: ``old`` belongs to the result whose place was found ``read_lead`` cycles before, and
    ``codes`` to that of ``write_delay - 1`` cycles before. ``done`` comes with the last write.

    Members
    -------
    descriptor : In(Isa.descriptor)
        The layer; stable while it runs.
    start : In(1)
        A layer begins.
    coming : In(1)
        In the next cycle the places of the next results are found.
    old : Out(8 * requantizers)
        What neighbouring results are combined with, codes + 128; 0 in a layer without.
    codes : In(8 * requantizers)
        Codes to store, of neighbouring columns.
    link_write : In(1), link_byte : In(8)
        Nothing runs: the word to write is made of this byte.
    coming_access : Out(1)
        There is a read or a write in the output bank in the next cycle.
    address, read_data : Out, In
        Its word.
    write_en, write_data : Out
        Which bytes to write, and the word.
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
                "old": Out(8 * config.requantizers),
                "codes": In(8 * config.requantizers),
                "link_write": In(1),
                "link_byte": In(8),
                "coming_access": Out(1),
                "address": Out(self.isa.address_bits),
                "read_data": In(config.word_bits),
                "write_en": Out(config.rows),
                "write_data": Out(config.word_bits),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d = self.descriptor
        rows, columns, count = self.config.rows, self.config.columns, self.config.requantizers

        # The loops within a tile run a cycle ahead of the places, so that their ends are registers.
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

        # Those around it, place by place
        passed, restart = Signal(), Signal()
        group_end, layer_end = Signal(), Signal()
        run_end, exhausted = Signal(), Signal()
        started = delayed(m, self.start, 1, name="started", init=0)
        run = LoopCounter(m, d.run_less_one, advance=row_end, restart=restart, name="run")
        runs = LoopCounter(m, d.runs_less_one, advance=run_end, restart=restart, name="runs")
        group = LoopCounter(m, d.groups_less_one, advance=group_end, restart=started, name="group")
        m.d.comb += [
            restart.eq(group_end | started),
            run_end.eq(row_end & run.last),
            exhausted.eq(passed | (run_end & runs.last)),
            group_end.eq(tile_end & exhausted),
            layer_end.eq(group_end & group.last),
        ]
        with m.If(row_end):
            m.d.sync += passed.eq(exhausted)
        with m.If(restart):
            m.d.sync += passed.eq(0)

        # The word where the group's first channel goes, where the row's goes, and where the code goes
        group_word, row_word = Signal.like(d.output_base), Signal.like(d.output_base)
        next_word, following = Signal.like(group_word), Signal.like(row_word)
        next_lane, group_lane, carry = self._add_group_lanes(m, restart)
        # There is time for registers: a group lasts as many cycles as the array has rows.
        words = d.output_group_words + carry if self.config.columns % rows else d.output_group_words
        m.d.sync += next_word.eq(advanced(group_word, words, load=self.start, loaded=d.output_base))
        lines = _Lines(self.config, d)
        step = Mux(run.last, d.output_outer_step, lines.inner_step(m, row))
        m.d["sync" if columns > count else "comb"] += following.eq(row_word + step)
        with m.If(restart):
            m.d.sync += [group_word.eq(next_word), row_word.eq(next_word)]
        with m.Elif(row_end):
            m.d.sync += row_word.eq(following)

        word, lane, lane_last = row_word, column, row_end
        if columns != rows:
            word, lane, lane_last = Signal.like(row_word), Signal(range(rows)), Signal()
            m.d.comb += lane_last.eq(lane == rows - count)
            with m.If(restart):
                m.d.sync += [word.eq(next_word), lane.eq(next_lane)]
            with m.Elif(row_end):
                m.d.sync += [word.eq(following), lane.eq(group_lane)]
            with m.Elif(valid):
                m.d.sync += lane.eq(Mux(lane_last, 0, lane + count))
                m.d.sync += word.eq(word + lines.step(lane_last))

        # The run's counter stands at minus the positions that are left.
        filling = Signal(len(run.value))
        m.d.comb += filling.eq(~Cat(d.run_filling, C(0, len(filling) - len(d.run_filling))))
        limit = Mux(group.last, d.last_columns_less_one, d.columns_less_one)
        wanted = valid & (run.value <= filling) & ~passed & (lines.channel(column, lane) <= limit)
        if lines.several:
            wanted &= lines.written(m, valid & lane_last, row_end | restart, runs.last)
        real = Signal()
        m.d.comb += real.eq(wanted)
        word_begin, word_begin_next = Signal(init=1), Signal()
        m.d.comb += word_begin_next.eq(Mux(valid, row_end | lane_last, word_begin))
        m.d.sync += word_begin.eq(word_begin_next)

        reading_next = self.coming & word_begin_next & d.residual
        reading = delayed(m, reading_next, 1, name="reading", init=0)
        self._add_reading(m, reading, lane, valid)
        writing_next = self._add_writing(
            m, reading, word, lane, real, word_begin, valid & (row_end | lane_last), layer_end
        )
        m.d.comb += self.coming_access.eq(reading_next | writing_next)
        return m

    def _add_group_lanes(self, m, restart):
        """The lane of the next group's first channel and of this one's, and whether the next one's
        begins a word further. Where groups are whole words there are no lanes to keep."""
        d, rows = self.descriptor, self.config.rows
        if self.config.columns % rows == 0:
            return 0, 0, 0
        next_lane, group_lane = Signal.like(d.output_lane), Signal.like(d.output_lane)
        lanes, carry = Signal(range(2 * rows)), Signal()
        m.d.comb += [lanes.eq(group_lane + d.output_group_lanes), carry.eq(lanes >= rows)]
        m.d.sync += next_lane.eq(Mux(carry, lanes - rows, lanes))
        with m.If(self.start):
            m.d.sync += next_lane.eq(d.output_lane)
        with m.If(restart):
            m.d.sync += group_lane.eq(next_lane)
        return next_lane, group_lane, carry

    def _add_reading(self, m, reading, lane, valid):
        """The word that holds the second operands, byte by byte."""
        config, step = self.config, 8 * self.config.requantizers
        latency = memory.latency_of(config.family)
        arrived = delayed(m, reading, latency, name="arrived", init=0)
        shown = self.read_data
        if config.columns % config.rows:
            # Words are read from multiples of so many lanes on, of which powers of two are looked at.
            apart = gcd(config.rows, config.columns)
            zeros = (apart & -apart).bit_length() - 1
            shown = shown >> Cat(C(0, 3 + zeros), delayed(m, lane, latency, name="lane")[zeros:])
        old = Signal(config.word_bits)
        following = old >> step
        if config.pace > 1 and min(config.rows, config.columns) > config.requantizers:
            passed = delayed(m, valid, read_lead(config), name="passed", init=0)
            following = Mux(passed, following, old)
        m.d.sync += old.eq(Mux(arrived, shown ^ C(0x80, 8).replicate(config.rows), following))
        with m.If(self.start):
            m.d.sync += old.eq(0)
        m.d.comb += self.old.eq(old)

    def _add_writing(self, m, reading, word, lane, real, word_begin, word_end, layer_end):
        """The word that the codes are collected in, and its write; whether that comes next."""
        config, rows, count = self.config, self.config.rows, self.config.requantizers
        place = Cat(word, real, word_end, lane, word_begin, layer_end)
        found = word
        m.submodules.places = places = DelayLine(**places_of(config))
        m.d.comb += places.i.eq(place)
        place = Signal.like(place)
        m.d.comb += place.eq(places.o)
        word, place = place[: len(word)], place[len(word) :]
        real, word_end, lane, word_begin, layer_end = (
            place[0],
            place[1],
            place[2:-2],
            place[-2],
            place[-1],
        )

        chosen = C((1 << count) - 1, count) << lane
        values = Mux(self.link_write, self.link_byte.replicate(count), self.codes)
        for index in range(rows):
            with m.If(self.link_write | chosen[index]):
                m.d.sync += self.write_data.word_select(index, 8).eq(
                    values.word_select(index % count, 8)
                )
        lanes, lanes_next = Signal(rows), Signal(rows)
        address = Signal.like(word)
        m.d.comb += [
            lanes_next.eq(Mux(word_begin, 0, lanes) | (chosen[:rows] & real.replicate(rows))),
            self.address.eq(Mux(reading, found, address)),
            self.write_en.eq(lanes & ~reading.replicate(rows)),
        ]
        m.d.sync += [address.eq(word), lanes.eq(lanes_next), self.done.eq(layer_end)]
        return word_end & lanes_next.any()
