"""The order in which sums leave the array: row by row, column by column."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ..signals import step_layout


def place_layout(config: AcceleratorConfig) -> data.StructLayout:
    """Whose channel parameters a sum needs: neighbouring columns count as one."""
    return data.StructLayout(
        {"column": range(config.columns // config.requantizers), "half": 1},
    )


class DrainOrder(wiring.Component):
    """Walks the rows and columns of a tile from the cycle after ``finished`` on.

    Members
    -------
    finished : In(1), step : In(step_layout)
        The first row's sums are finished; the step that finished them.
    residual : In(1)
        The layer has a residual operand, so sums are emitted every ``pace`` cycles. Where ``pace``
        is more than 1.
    sums, emit_next : In(1)
        On cores that keep sums: in this layer sums are emitted in the cycle after ``emit_next``.
    valid : Out(1)
        Sums are emitted in this cycle.
    move : Out(1)
        The sums move on. Always 1 where nothing else is asked for.
    row : Out(range(rows)), place, place_next : Out(place_layout)
        Of the sums that are emitted; the place of the next cycle.
    column_last : Out(1)
        They are the last of their row.
    release : Out(1)
        They are the last of a group of output channels.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.paced = config.pace > 1
        self.keeps = config.keeps_sums
        super().__init__(
            {
                "finished": In(1),
                "step": In(step_layout),
                **({"residual": In(1)} if self.paced else {}),
                **({"sums": In(1), "emit_next": In(1)} if self.keeps else {}),
                "valid": Out(1),
                "move": Out(1),
                "row": Out(range(config.rows)),
                "place": Out(place_layout(config)),
                "place_next": Out(place_layout(config)),
                "column_last": Out(1),
                "release": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        emitting, move = Signal(), C(1, 1)
        group_last, row_last = Signal(), Signal()
        if self.paced or self.keeps:
            move = Signal(name="moving")
            move_next = self.finished | ~move | ~self.residual if self.paced else 1
            if self.keeps:
                move_next = Mux(self.sums, self.emit_next, move_next)
            m.d.sync += move.eq(move_next)
        m.d.comb += [
            self.move.eq(move),
            self.valid.eq(emitting & move),
            self.column_last.eq(
                self.place.column == self.config.columns // self.config.requantizers - 1
            ),
            row_last.eq(self.row == self.config.rows - 1),
            self.release.eq(self.valid & group_last & self.column_last & row_last),
            self.place_next.half.eq(self.place.half),
        ]
        with m.If(self.finished):
            m.d.sync += [emitting.eq(1), self.row.eq(0), group_last.eq(self.step.group_last)]
            m.d.comb += [self.place_next.column.eq(0), self.place_next.half.eq(self.step.half)]
        with m.Elif(self.column_last & move):
            m.d.sync += self.row.eq(self.row + 1)
            m.d.comb += self.place_next.column.eq(0)
            with m.If(row_last):
                m.d.sync += emitting.eq(0)
        with m.Elif(move):
            m.d.comb += self.place_next.column.eq(self.place.column + 1)
        with m.Else():
            m.d.comb += self.place_next.column.eq(self.place.column)
        m.d.sync += self.place.eq(self.place_next)
        return m
