"""Ends runs: at their limits, or when the host says so."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ...config import BANKS
from ...protocol import ALL_LAYERS, BAND_BITS, FREE_BITS, LEAST_LIMIT_BITS, NO_LIMIT, Outcome
from ..link_signatures import RunControl
from ..signals import advanced
from ..signatures import RunPort

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
        Reset what works on a run; as the link has it, for as many layers as it says.
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
            m.d.sync += limit.eq(link.limit)
        reached = Array(self.cycles[LEAST_LIMIT_BITS:])[limit]
        counting = link.busy & ~starting & ~host.run
        m.d.sync += late.eq(counting & reached & (limit != NO_LIMIT))

        self._share(m)
        self._count_places(m, late)
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

    def _share(self, m):
        """The first layers of a run leave cycles free."""
        link, host = self.link, self.host
        share, layers = Signal.like(link.share), Signal.like(link.shared_layers)
        with m.If(link.start):
            m.d.sync += [share.eq(link.share), layers.eq(link.shared_layers)]
        with m.Elif(host.layer_done & layers.any() & (layers != ALL_LAYERS)):
            m.d.sync += layers.eq(layers - 1)
        m.d.comb += self.share.eq(share & layers.any().replicate(BANKS))

    def _count_places(self, m, late):
        """Places that are free, and bands that are there.

        Bands may be there before the run that reads them: they are forgotten only when a run does
        not come to its end.
        """
        link, host = self.link, self.host
        free, bands = Signal(FREE_BITS), Signal(BAND_BITS)
        released = host.layer_done & host.release
        with m.If(link.start):
            m.d.sync += free.eq(0)
        with m.Elif(released ^ link.take):
            m.d.sync += free.eq(free + Mux(released, 1, -1))
        m.d.comb += [link.free.eq(~link.busy | free.any()), host.band.eq(bands.any())]
        with m.If(link.abort | late):
            m.d.sync += bands.eq(0)
        with m.Elif(link.band ^ host.band_taken):
            m.d.sync += bands.eq(bands + Mux(link.band, 1, -1))
