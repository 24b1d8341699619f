"""The loops over the output positions of a group."""

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ...config import AcceleratorConfig
from ...isa import COORDINATE_BITS, Isa
from ..signals import LoopCounter, advanced, delayed
from ..signatures import LayerControl


def position_layout(config: AcceleratorConfig) -> data.StructLayout:
    """Where the window of an output position begins in the input: a word address, coordinates."""
    return data.StructLayout(
        {"address": Isa(config).address_bits, "inner": COORDINATE_BITS, "outer": COORDINATE_BITS}
    )


class PositionLoops(wiring.Component):
    """Gives the output positions of a group one after another, and begins anew with each group.

    Timing: the first position of a layer is there two cycles after ``layer.start``, that of
    another group the cycle after ``group_passed``; the next position comes in the cycle after
    ``advance``.

    Members
    -------
    layer : In(LayerControl)
        The layer.
    group_passed : In(1)
        The group ended in the cycle before.
    advance : In(1)
        Go to the next position.
    exhausted : Out(1)
        No position is left after the one that this cycle advances from.
    position : Out(position_layout)
        The position.
    """

    def __init__(self, config: AcceleratorConfig):
        super().__init__(
            {
                "layer": In(LayerControl(Isa(config))),
                "group_passed": In(1),
                "advance": In(1),
                "exhausted": Out(1),
                "position": Out(position_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        d, position = self.layer.descriptor, self.position

        # Groups start at the first position; a depthwise group has input channels of its own.
        base, base_next = Signal.like(d.input_base), Signal.like(d.input_base)
        restart = Signal()
        started = delayed(m, self.layer.start, 1, name="started", init=0)
        m.d.comb += restart.eq(started | self.group_passed)
        m.d.sync += base_next.eq(
            advanced(base, d.input_group_step, load=self.layer.start, loaded=d.input_base)
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
        step = Signal.like(position.address, reset_less=True)
        with m.If(restart | self.advance):
            m.d.sync += [
                step.eq(Mux(run.last_then, d.position_outer_step, d.position_inner_step)),
                position.address.eq(Mux(restart, base_next, position.address + step)),
                passed.eq(self.exhausted & ~restart),
                position.inner.eq(
                    advanced(position.inner, d.inner_stride, load=again, loaded=d.inner_origin)
                ),
            ]
        with m.If(restart | (self.advance & run.last)):
            m.d.sync += position.outer.eq(
                advanced(position.outer, d.outer_stride, load=restart, loaded=d.outer_origin)
            )
        return m
