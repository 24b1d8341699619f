"""Makes a core's clock and reset from the board's clock."""

from amaranth.hdl import *
from amaranth.lib import io, wiring
from amaranth.lib.wiring import Out

from accel.core.clocking import ecp5, ice40
from accel.core.clocking.plan import ClockPlan
from accel.core.clocking.reset import ResetRelease


class ClockGenerator(wiring.Component):
    """The clock of ``plan`` and its reset. The user of both defines the clock domain.

    The reset is released synchronously, some time after the PLL has locked: see ``ResetRelease``.
    On the ECP5 a reset's net would be the slowest of all. There the clock waits instead: registers
    have their initial values from the configuration, and the clock is stopped until ``rst`` would
    have been released, and while the PLL has lost its lock.

    Place and route derives the clock's constraint from that of the pin and the PLL's dividers.

    Members
    -------
    clk : Out(1)
        The clock.
    rst : Out(1)
        The reset, synchronous to ``clk``; 0 where there is none.

    Attributes
    ----------
    resets : bool
        Whether the domain has a reset.
    """

    def __init__(self, plan: ClockPlan):
        self.plan = plan
        self.resets = plan.family != "ecp5"
        super().__init__({"clk": Out(1), "rst": Out(1)})

    def elaborate(self, platform):
        m = Module()
        clk = Signal()
        locked = Signal(init=1)
        self._add_source(m, platform, clk, locked)

        m.domains.start = ClockDomain(local=True, reset_less=True)
        m.d.comb += ClockSignal("start").eq(clk)
        m.submodules.reset = reset = DomainRenamer("start")(ResetRelease(self.plan.made_mhz))
        m.d.comb += reset.ready.eq(locked)
        if self.resets:
            m.d.comb += [self.clk.eq(clk), self.rst.eq(reset.rst)]
        else:
            m.submodules.gate = Instance("DCCA", i_CLKI=clk, i_CE=~reset.rst, o_CLKO=self.clk)
        return m

    def _add_source(self, m, platform, clk, locked):
        plan = self.plan
        if plan.pin is None:
            ice40.add_oscillator(m, plan.oscillator_exponent, clk=clk)
            return
        port = platform.request(plan.pin, dir="-")
        if plan.dividers and plan.pll_pad:
            ice40.add_pll(m, plan.dividers, port.io, pll_pad=True, clk=clk, locked=locked)
            return
        m.submodules.buffer = buffer = io.Buffer("i", port)
        match plan.family:
            case _ if plan.dividers is None:
                m.d.comb += clk.eq(buffer.i)
            case "ice40" | "ice40up":
                ice40.add_pll(m, plan.dividers, buffer.i, pll_pad=False, clk=clk, locked=locked)
            case "ecp5":
                ecp5.add_pll(m, plan.dividers, buffer.i, clk=clk, locked=locked)
