"""The word and the byte of the output that each result goes to."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import Isa
from ..signals import advanced, delayed
from ..signatures import LayerControl
from .result_loops import loops_layout


def destination_layout(config: AcceleratorConfig) -> data.StructLayout:
    """Where neighbouring results go."""
    return data.StructLayout(
        {
            "word": Isa(config).address_bits,
            "real": 1,  # they are written
            "word_end": 1,  # no result after them goes to the same word
            "byte": range(config.rows),  # of the word, for the first of them
            "word_begin": 1,  # none before them does
            "layer_end": 1,  # they are the last of the layer
        }
    )


class ResultAddress(wiring.Component):
    """Follows the loops over the results and keeps the word and the byte that they lead to.

    Rows after the last position, positions that only fill a run, and columns after the last
    channel are not written. Where the columns make several broadcast rows, each of these goes to
    words of its own, see `isa`.

    Timing: ``o`` belongs to ``loops`` of the same cycle; ``word_begin_next`` is ``o.word_begin`` of
    the next one.

    Members
    -------
    layer : In(LayerControl)
        The layer.
    loops : In(loops_layout)
        Which results come.
    o : Out(destination_layout)
        Where they go.
    word_begin_next : Out(1)
        The next ones begin a word.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.several = config.broadcast_rows > 1
        super().__init__(
            {
                "layer": In(LayerControl(Isa(config))),
                "loops": In(loops_layout(config)),
                "o": Out(destination_layout(config)),
                "word_begin_next": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        o, loops, d = self.o, self.loops, self.layer.descriptor
        rows, columns, count = self.config.rows, self.config.columns, self.config.requantizers
        odd = delayed(m, loops.odd_row, 1, name="odd")

        # The word where the group's first channel goes, and where the row's first channel goes
        group_word, row_word = Signal.like(d.output_base), Signal.like(d.output_base)
        next_word, following = Signal.like(group_word), Signal.like(row_word)
        next_byte, group_byte, carry = self._add_group_bytes(m)
        # There is time for registers: a group lasts as many cycles as the array has rows.
        words = d.output_group_words + carry if columns % rows else d.output_group_words
        m.d.sync += next_word.eq(
            advanced(group_word, words, load=self.layer.start, loaded=d.output_base)
        )
        inner_step = d.output_inner_step
        if self.several:
            inner_step = Mux(d.stride2_skip & ~odd, 0, inner_step)
        step = Mux(loops.run_last, d.output_outer_step, inner_step)
        m.d["sync" if columns > count else "comb"] += following.eq(row_word + step)
        with m.If(loops.restart):
            m.d.sync += [group_word.eq(next_word), row_word.eq(next_word)]
        with m.Elif(loops.row_end):
            m.d.sync += row_word.eq(following)

        # The word and the byte of the results
        word, byte, byte_last = row_word, loops.column, loops.row_end
        if columns != rows:
            word, byte, byte_last = Signal.like(row_word), Signal(range(rows)), Signal()
            word_step = (
                Mux(byte_last, d.output_broadcast_row_step, 0) if self.several else byte_last
            )
            m.d.comb += byte_last.eq(byte == rows - count)
            with m.If(loops.restart):
                m.d.sync += [word.eq(next_word), byte.eq(next_byte)]
            with m.Elif(loops.row_end):
                m.d.sync += [word.eq(following), byte.eq(group_byte)]
            with m.Elif(loops.valid):
                m.d.sync += byte.eq(Mux(byte_last, 0, byte + count))
                m.d.sync += word.eq(word + word_step)

        word_begin = Signal(init=1)
        m.d.sync += word_begin.eq(self.word_begin_next)
        m.d.comb += [
            self.word_begin_next.eq(Mux(loops.valid, loops.row_end | byte_last, word_begin)),
            o.word.eq(word),
            o.byte.eq(byte),
            o.real.eq(self._is_written(m, byte, byte_last, odd)),
            o.word_begin.eq(word_begin),
            o.word_end.eq(loops.valid & (loops.row_end | byte_last)),
            o.layer_end.eq(loops.layer_end),
        ]
        return m

    def _add_group_bytes(self, m):
        """The byte of the next group's first channel and of this one's, and whether the next one's
        begins a word further. Where groups are whole words there are none to keep."""
        d, rows = self.layer.descriptor, self.config.rows
        if self.config.columns % rows == 0:
            return 0, 0, 0
        next_byte, group_byte = Signal.like(d.output_lane), Signal.like(d.output_lane)
        total, carry = Signal(range(2 * rows)), Signal()
        m.d.comb += [total.eq(group_byte + d.output_group_lanes), carry.eq(total >= rows)]
        m.d.sync += next_byte.eq(Mux(carry, total - rows, total))
        with m.If(self.layer.start):
            m.d.sync += next_byte.eq(d.output_lane)
        with m.If(self.loops.restart):
            m.d.sync += group_byte.eq(next_byte)
        return next_byte, group_byte, carry

    def _is_written(self, m, byte, byte_last, odd):
        """Whether the results are of a position and of channels that there are."""
        loops, d = self.loops, self.layer.descriptor
        # The run's counter stands at minus the positions that are left.
        filling = ~Cat(d.run_filling, C(0, len(loops.remaining) - len(d.run_filling)))
        limit = Mux(loops.group_last, d.last_columns_less_one, d.columns_less_one)
        channel = Mux(d.broadcast, byte, loops.column) if self.several else loops.column
        kept = d.keep_sums if self.config.keeps_sums else 0
        written = (
            ~kept & loops.valid & (loops.remaining <= filling) & ~loops.passed & (channel <= limit)
        )
        if not self.several:
            return written
        row, most = (
            Signal(range(self.config.broadcast_rows)),
            Signal.like(d.broadcast_rows_less_one),
        )
        m.d.comb += most.eq(
            Mux(loops.runs_last, d.last_broadcast_rows_less_one, d.broadcast_rows_less_one)
        )
        with m.If(loops.row_end | loops.restart):
            m.d.sync += row.eq(0)
        with m.Elif(loops.valid & byte_last):
            m.d.sync += row.eq(row + 1)
        return written & (row <= most) & ~(d.stride2_skip & odd)
