"""The loops over the results of a layer, in the order of the drain."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import COORDINATE_BITS, Isa
from ..signals import LoopCounter, delayed
from ..signatures import LayerControl


def loops_layout(config: AcceleratorConfig) -> data.StructLayout:
    """Which results these are, of one cycle of the drain."""
    return data.StructLayout(
        {
            "valid": 1,  # there are results
            "column": range(config.columns),  # the first of neighbouring ones
            "odd_row": 1,  # of the tile, one cycle ahead of the rest
            "row_end": 1,  # they are the last of a row of the array
            "restart": 1,  # after them a group begins, or a layer begins
            "remaining": COORDINATE_BITS,  # minus the positions of the run from this one on
            "passed": 1,  # the row is after the last position of the group
            "run_last": 1,  # the position is the last one of its run
            "runs_last": 1,  # the run is the last one
            "group_last": 1,  # the group is the last one
            "layer_end": 1,  # they are the last of the layer
        }
    )


class ResultLoops(wiring.Component):
    """Counts columns of a row, rows of a tile, positions, runs of positions, and groups.

    Timing: ``o`` belongs to the results that were announced one cycle before.

    Members
    -------
    layer : In(LayerControl)
        The layer.
    coming : In(1)
        The next ``requantizers`` results come in the next cycle.
    o : Out(loops_layout)
        Where in the loops they are.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(
            {
                "layer": In(LayerControl(Isa(config))),
                "coming": In(1),
                "o": Out(loops_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        o, d = self.o, self.layer.descriptor
        rows, columns, count = self.config.rows, self.config.columns, self.config.requantizers

        # The loops within a tile run a cycle ahead, so that their ends are registers.
        ahead, row = Signal(range(columns)), Signal(range(rows))
        valid, column, row_end = Signal(), Signal(range(columns)), Signal()
        tile_end, coming_end = Signal(), Signal()
        m.d.comb += [
            coming_end.eq(self.coming & (ahead == columns - count)),
            o.valid.eq(valid),
            o.column.eq(column),
            o.odd_row.eq(row[0]),
            o.row_end.eq(row_end),
        ]
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

        # Those around it
        passed, restart = Signal(), Signal()
        group_end, run_end, exhausted = Signal(), Signal(), Signal()
        started = delayed(m, self.layer.start, 1, name="started", init=0)
        run = LoopCounter(m, d.run_less_one, advance=row_end, restart=restart, name="run")
        runs = LoopCounter(m, d.runs_less_one, advance=run_end, restart=restart, name="runs")
        group = LoopCounter(m, d.groups_less_one, advance=group_end, restart=started, name="group")
        m.d.comb += [
            restart.eq(group_end | started),
            o.restart.eq(restart),
            o.passed.eq(passed),
            o.remaining.eq(run.value),
            o.run_last.eq(run.last),
            o.runs_last.eq(runs.last),
            o.group_last.eq(group.last),
            run_end.eq(row_end & run.last),
            exhausted.eq(passed | (run_end & runs.last)),
            group_end.eq(tile_end & exhausted),
            o.layer_end.eq(group_end & group.last),
        ]
        with m.If(row_end):
            m.d.sync += passed.eq(exhausted)
        with m.If(restart):
            m.d.sync += passed.eq(0)
        return m
