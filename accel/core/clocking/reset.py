"""Holds a design in reset until its clock and its memories can be used."""

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out

from ..signals import idle_high

# The block RAMs of an iCE40 read as zeroes for about 3 us after configuration (IceStorm issue 76);
# Amaranth's own platform takes five times that, and so do we, for every family.
HOLD_US = 15


class ResetRelease(wiring.Component):
    """Asserts ``rst`` from the start until ``HOLD_US`` after ``ready``, and whenever it falls.

    ``ready`` may change at any time; it resets the counter asynchronously and lets it go on by two
    flip-flops of the domain. ``rst`` comes straight from a flip-flop, so that its release is
    synchronous.

    Parameters
    ----------
    clock_mhz : float
        Frequency of the domain.
    """

    def __init__(self, clock_mhz: float):
        self.cycles = round(HOLD_US * clock_mhz)
        super().__init__({"ready": In(1), "rst": idle_high(Out)})

    def elaborate(self, platform):
        m = Module()
        m.domains.hold = ClockDomain(local=True)
        m.d.comb += ClockSignal("hold").eq(ClockSignal())
        m.submodules.synchronizer = ResetSynchronizer(~self.ready, domain="hold")

        waited = Signal(range(self.cycles + 1))
        with m.If(waited == self.cycles):
            m.d.hold += self.rst.eq(0)
        with m.Else():
            m.d.hold += [waited.eq(waited + 1), self.rst.eq(1)]
        return m
