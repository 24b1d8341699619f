"""Ends runs: at their limits, or when the host says so."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ...config import BANKS
from ...protocol import LEAST_LIMIT_BITS, NO_LIMIT, NOT_FREE, Outcome
from ..signals import advanced
from ..signatures import RunControl, RunPort

CLEANING_CYCLES = 128  # longer than any result is on its way to memory


class RunGuard(wiring.Component):
    """Stands between the link and the sequencer.

    A run ends with its last layer, with that which the limit of layers says, when the counter of
    cycles has come to the limit, or when the link aborts it. Then ``clean`` is set for
    ``CLEANING_CYCLES``: all that works on a run is to be as at power-up, and nothing that is on its
    way must reach the memory afterwards. What is no program may say that it is done and still go
    on, so that is so after every run.

    Timing: ``host.run`` comes two cycles after ``link.start``, when the pointer is set.
    ``link.busy`` is set in between and until all is over.

    Members
    -------
    link : In(RunControl)
        A limit of 0 layers stands for the greatest number.
    host : Out(RunPort)
        The sequencer.
    cycles : In
        The counter of the run's cycles.
    clean : Out(1), share : Out(BANKS)
        Reset what works on a run; as the link has it, throughout a run.
    """

    def __init__(self, cycles_bits: int):
        super().__init__(
            {
                "link": In(RunControl()),
                "host": Out(RunPort()),
                "cycles": In(cycles_bits),
                "clean": Out(1),
                "share": Out(BANKS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        link, host = self.link, self.host
        # Minus those that are left, less one; then the cycles of cleaning
        layers, cleaning = Signal.like(link.layers), Signal()
        starting, stopped, late = Signal(), Signal(), Signal()
        m.d.sync += [
            starting.eq(link.start),
            host.run.eq(starting),
            host.stop.eq(~layers == 1),
        ]
        with m.If(self.clean & ~cleaning):
            m.d.sync += layers.eq(0)
        with m.Elif(link.start | host.layer_done | cleaning):
            m.d.sync += layers.eq(advanced(layers, C(1, 1), load=link.start, loaded=~link.layers))
        with m.If(host.layer_done):
            m.d.sync += stopped.eq(host.stop & ~host.last)

        # The counter has been cleared when a run begins.
        limit = Signal.like(link.limit)
        with m.If(link.start):
            m.d.sync += [limit.eq(link.limit), self.share.eq(link.share)]
        reached = Array(self.cycles[LEAST_LIMIT_BITS:])[limit]
        counting = link.busy & ~starting & ~host.run
        m.d.sync += late.eq(counting & reached & (limit != NO_LIMIT))

        layers_to_free = Signal.like(link.free_after)
        with m.If(link.start):
            m.d.sync += layers_to_free.eq(link.free_after)
        with m.Elif(host.layer_done & layers_to_free.any() & (layers_to_free != NOT_FREE)):
            m.d.sync += layers_to_free.eq(layers_to_free - 1)
        m.d.comb += link.free.eq(~link.busy | ~layers_to_free.any())

        m.d.sync += cleaning.eq(self.clean)
        with m.If(link.start):
            m.d.sync += link.busy.eq(1)
        with m.Elif(self.clean), m.If(cleaning & layers[exact_log2(CLEANING_CYCLES)]):
            m.d.sync += [self.clean.eq(0), link.busy.eq(0)]
        with m.Elif(link.busy & (link.abort | late)):
            m.d.sync += [
                self.clean.eq(1),
                link.outcome.eq(Mux(link.abort, Outcome.ABORTED, Outcome.CYCLES)),
            ]
        with m.Elif(link.busy & host.idle & ~starting & ~host.run):
            m.d.sync += [self.clean.eq(1), link.outcome.eq(Outcome.DONE)]
            with m.If(stopped):
                m.d.sync += link.outcome.eq(Outcome.LAYERS)
            with m.If(host.refused):
                m.d.sync += link.outcome.eq(Outcome.BAD_FLASH)
        return m
