"""Takes the finished sums out of the array while the next tile is being computed."""

from functools import reduce
from operator import or_

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..primitives.fanout import column_groups, fan_out
from ..signals import step_layout


class Drain(wiring.Component):
    """Copies each row's sums when they are finished and emits them row by row.

    Begins in the cycle after ``finished[0]`` and emits ``requantizers`` neighbouring columns a
    cycle, for ``drain_cycles`` cycles without a pause, or with a ``second`` operand every ``pace``
    cycles. The next tile must not finish earlier. ``sum_shape`` is that of the array's sums, by default
    of ``sum_bits``.

    Members
    -------
    sums, finished, step : In
        As `SystolicArray` has them.
    second : In(1)
        The layer has a second operand. Where ``pace`` is more than 1.
    valid : Out(1)
        Sums are emitted in this cycle.
    o : Out(ArrayLayout(sum_shape, requantizers))
        The sums of neighbouring columns, ``latency`` cycles later.
    column : Out(range(columns // requantizers)), half : Out(1)
        Which columns, in units of ``requantizers``, and which half of the records they need.
    columns, halves : Out
        The same for each of those who take a sum, on the ECP5 from registers of their own.
    release : Out(1)
        The last sums of a group of output channels are being emitted.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        sum_shape: Shape | None = None,
        *,
        simulate: bool = False,
    ):
        self.config = config
        self.simulate = simulate
        self.groups = column_groups(config)
        self.sum_shape = sum_shape = sum_shape or signed(config.sum_bits)
        super().__init__(
            {
                "sums": In(data.ArrayLayout(sum_shape, config.rows * config.columns)),
                "finished": In(config.rows * self.groups),
                "step": In(step_layout),
                **({"residual": In(1)} if config.pace > 1 else {}),
                "valid": Out(1),
                "o": Out(data.ArrayLayout(sum_shape, config.requantizers)),
                "column": Out(range(config.columns // config.requantizers)),
                "half": Out(1),
                "columns": Out(
                    data.ArrayLayout(
                        range(config.columns // config.requantizers), config.requantizers
                    )
                ),
                "halves": Out(config.requantizers),
                "release": Out(1),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from ``column`` to its sums: on the ECP5 choosing a row is worth a register."""
        return 1 if self.config.family == "ecp5" else 0

    def elaborate(self, platform):
        m = Module()
        rows, columns, count = self.config.rows, self.config.columns, self.config.requantizers

        # Where the emission stands
        row, group_last = Signal(range(rows)), Signal()
        column_last, row_last = Signal(), Signal()
        emitting, column_end, one = self.valid, column_last, 1
        paced = self.config.pace > 1
        if paced:  # nothing moves on while nothing is emitted
            emitting, one = Signal(), Signal(name="on")
            m.d.comb += self.valid.eq(emitting & one)
            m.d.sync += one.eq(self.finished[0] | ~one | ~self.residual)
            column_end = column_last & one
        m.d.comb += [
            column_last.eq(self.column == columns // count - 1),
            row_last.eq(row == rows - 1),
            self.release.eq(self.valid & group_last & column_last & row_last),
        ]
        column_next, half_next = Signal.like(self.column), Signal()
        m.d.comb += half_next.eq(self.half)
        with m.If(self.finished[0]):
            m.d.sync += [emitting.eq(1), row.eq(0), group_last.eq(self.step.group_last)]
            m.d.comb += [column_next.eq(0), half_next.eq(self.step.half)]
        with m.Elif(column_end):
            m.d.sync += row.eq(row + 1)
            m.d.comb += column_next.eq(0)
            with m.If(row_last):
                m.d.sync += emitting.eq(0)
        with m.Else():
            m.d.comb += column_next.eq(self.column + one)
        m.d.sync += [self.column.eq(column_next), self.half.eq(half_next)]
        self._show_columns(m, column_next, half_next)

        # Which row is emitted, bit by bit, for each group of columns
        at_row = Cat(row == r for r in range(rows))
        turns = [at_row & one.replicate(rows) if paced else at_row] * self.groups
        if self.latency:
            turns = self._turns(m, at_row, column_last, one)

        # Each row shifts its sums towards column 0 while it is the one emitted.
        emitted = []
        for r in range(rows):
            held = Signal(
                data.ArrayLayout(self.sum_shape, columns),
                name=f"held_{r}",
                reset_less=True,
            )
            for g in range(self.groups):
                neighbours = range(g, columns, self.groups)
                with m.If(self.finished[r * self.groups + g]):
                    m.d.sync += [held[c].eq(self.sums[r * columns + c]) for c in neighbours]
                with m.Elif(turns[g][r]):
                    m.d.sync += [
                        held[c].eq(held[c + count]) for c in neighbours if c + count < columns
                    ]
            emitted.append([held[c] for c in range(count)])
        if self.latency:
            pairs = []
            for r in range(0, rows, 2):
                pair = Signal(self.o.shape(), name=f"pair_{r}", reset_less=True)
                for c in range(count):
                    turn = turns[c % self.groups][r : r + 2]
                    m.d.sync += pair[c].eq(_either(turn, [row[c] for row in emitted[r : r + 2]]))
                pairs.append(pair.as_value())
            m.d.comb += self.o.eq(reduce(or_, pairs))
        else:
            m.d.comb += self.o.eq(Array(map(Cat, emitted))[row])
        return m

    def _show_columns(self, m, column_next, half_next):
        """Column and half for each of those who take a sum."""
        count, places = self.config.requantizers, [Cat(self.column, self.half)]
        if self.latency:
            places = self._fan_out(m, Cat(column_next, half_next), count, "place")
        for q in range(count):
            place = places[q % len(places)]
            m.d.comb += [self.columns[q].eq(place[:-1]), self.halves[q].eq(place[-1])]

    def _fan_out(self, m, value, count, name):
        return fan_out(
            m,
            value,
            count,
            family=self.config.family,
            simulate=self.simulate,
            name=name,
            init=0,
        )

    def _turns(self, m, at_row, column_last, one):
        """Of the row that is emitted from the next cycle on, ahead of time for registers."""
        turn, following = Signal(len(at_row)), Signal(len(at_row))
        m.d.comb += following.eq(turn)
        with m.If(self.finished[0]):
            m.d.comb += following.eq(1)
        if self.config.pace > 1:
            with m.Elif(~one):
                m.d.comb += following.eq(at_row)
            with m.Elif(self.residual):
                m.d.comb += following.eq(0)
        with m.Elif(column_last):
            m.d.comb += following.eq(turn << 1)
        m.d.sync += turn.eq(following)
        return self._fan_out(m, following, self.groups, "turn")


def _either(selected, values):
    """The value that is selected, or 0."""
    chosen = zip(selected, values, strict=True)
    return reduce(or_, (value & bit.replicate(len(value)) for bit, value in chosen))
