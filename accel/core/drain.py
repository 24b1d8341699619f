"""Takes the finished sums out of the array while the next tile is being computed."""

from functools import reduce
from operator import or_

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import AcceleratorConfig
from .signals import step_layout


class Drain(wiring.Component):
    """Copies each row's sums when they are finished and emits them row by row.

    Begins in the cycle behind ``finished[0]`` and emits ``requantizers`` neighbouring columns a
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
    release : Out(1)
        The last sums of a group of output channels are being emitted.
    """

    def __init__(self, config: AcceleratorConfig, sum_shape: Shape | None = None):
        self.config = config
        self.sum_shape = sum_shape = sum_shape or signed(config.sum_bits)
        super().__init__(
            {
                "sums": In(data.ArrayLayout(sum_shape, config.rows * config.columns)),
                "finished": In(config.rows),
                "step": In(step_layout),
                **({"second": In(1)} if config.pace > 1 else {}),
                "valid": Out(1),
                "o": Out(data.ArrayLayout(sum_shape, config.requantizers)),
                "column": Out(range(config.columns // config.requantizers)),
                "half": Out(1),
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
            m.d.sync += one.eq(self.finished[0] | ~one | ~self.second)
            column_end = column_last & one
        m.d.comb += [
            column_last.eq(self.column == columns // count - 1),
            row_last.eq(row == rows - 1),
            self.release.eq(self.valid & group_last & column_last & row_last),
        ]
        with m.If(self.finished[0]):
            m.d.sync += [emitting.eq(1), self.column.eq(0), row.eq(0)]
            m.d.sync += [self.half.eq(self.step.half), group_last.eq(self.step.group_last)]
        with m.Elif(column_end):
            m.d.sync += [self.column.eq(0), row.eq(row + 1)]
            with m.If(row_last):
                m.d.sync += emitting.eq(0)
        with m.Else():
            m.d.sync += self.column.eq(self.column + one)

        # Which row is emitted, bit by bit. The ECP5 gives registers to what goes to a whole row.
        at_row = Cat(row == r for r in range(rows))
        turn = at_row & one.replicate(rows) if paced else at_row
        if self.latency:
            turn = Signal(rows)
            with m.If(self.finished[0]):
                m.d.sync += turn.eq(1)
            if paced:
                with m.Elif(~one):
                    m.d.sync += turn.eq(at_row)
                with m.Elif(self.second):
                    m.d.sync += turn.eq(0)
            with m.Elif(column_last):
                m.d.sync += turn.eq(turn << 1)

        # Each row shifts its sums towards column 0 while it is the one emitted.
        emitted = []
        for r in range(rows):
            held = Signal(
                data.ArrayLayout(self.sum_shape, columns),
                name=f"held_{r}",
                reset_less=True,
            )
            with m.If(self.finished[r]):
                m.d.sync += [held[c].eq(self.sums[r * columns + c]) for c in range(columns)]
            with m.Elif(turn[r]):
                m.d.sync += [held[c].eq(held[c + count]) for c in range(columns - count)]
            emitted.append(Cat(held[c] for c in range(count)))
        if self.latency:
            pairs = []
            for r in range(0, rows, 2):
                pair = Signal(len(emitted[r]), name=f"pair_{r}", reset_less=True)
                m.d.sync += pair.eq(_either(turn[r : r + 2], emitted[r : r + 2]))
                pairs.append(pair)
            m.d.comb += self.o.eq(reduce(or_, pairs))
        else:
            m.d.comb += self.o.eq(Array(emitted)[row])
        return m


def _either(selected, values):
    """The value that is selected, or 0."""
    chosen = zip(selected, values, strict=True)
    return reduce(or_, (value & bit.replicate(len(value)) for bit, value in chosen))
