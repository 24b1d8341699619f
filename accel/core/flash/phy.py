"""The pins of a flash on a board: a register each way."""

from amaranth.hdl import *
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In

from ..primitives.family import Family, check_family
from .bus import DIVIDERS, flash_pins

_DI, _DO = 0, 1


class FlashPhy(wiring.Component):
    """Between a reader's pins and the ports of a platform.

    With a divider of 1 the clock is low in the first half of a cycle with a pulse and high in the
    second, so that data are stable around its rising edge; with 2 it is high for the whole cycle,
    the second one of the data's.

    Parameters
    ----------
    port : port group
        What the platform gives for a flash with ``dir="-"``: ``cs``, ``clk`` unless the family
        has it elsewhere, and ``dq`` or ``copi`` and ``cipo``, with ``wp`` and ``hold`` if they are
        wired.
    divider : int
        As the reader has it.
    family : str
        On the ECP5 the clock goes to the configuration's own pin, which a cell drives
        (FPGA-TN-02039 "ECP5 and ECP5-5G sysCONFIG Usage Guide", USRMCLK), and only with divider 2.

    Raises
    ------
    ValueError
        If the family cannot have that divider.
    """

    def __init__(self, port, *, divider: int, family: Family):
        if check_family(family) == "ecp5" and divider != 2:
            raise ValueError(f"Divider of a flash's clock on an ECP5 must be 2, not {divider!r}")
        if divider not in DIVIDERS:
            raise ValueError(f"Divider of a flash's clock must be 1 or 2, not {divider!r}")
        self.port = port
        self.divider = divider
        self.family = family
        super().__init__({"pins": In(flash_pins)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.cs = cs = io.FFBuffer("o", self.port.cs)
        m.d.comb += cs.o.eq(self.pins.cs)
        self._add_clock(m)
        if hasattr(self.port, "dq"):
            for lane in range(len(self.port.dq)):
                self._add_bidirectional(m, f"dq_{lane}", self.port.dq[lane], lane)
            return m

        m.submodules.copi = copi = io.FFBuffer("o", self.port.copi)
        m.submodules.cipo = cipo = io.FFBuffer("i", self.port.cipo)
        m.d.comb += [copi.o.eq(self.pins.dq_o[_DI]), self.pins.dq_i[_DO].eq(cipo.i)]
        for name in ("wp", "hold"):
            if hasattr(self.port, name):  # neither protected nor held
                m.submodules[name] = buffer = io.Buffer("o", getattr(self.port, name))
                m.d.comb += buffer.o.eq(0)
        return m

    def _add_clock(self, m):
        if self.family == "ecp5":
            sck = Signal()
            m.d.sync += sck.eq(self.pins.sck)
            m.submodules.sck = Instance("USRMCLK", i_USRMCLKI=sck, i_USRMCLKTS=Const(0, 1))
        elif self.divider == 1:
            m.submodules.sck = sck = io.DDRBuffer("o", self.port.clk)
            m.d.comb += [sck.o[0].eq(0), sck.o[1].eq(self.pins.sck)]
        else:
            m.submodules.sck = sck = io.FFBuffer("o", self.port.clk)
            m.d.comb += sck.o.eq(self.pins.sck)

    def _add_bidirectional(self, m, name, port, lane):
        m.submodules[name] = buffer = io.FFBuffer("io", port)
        m.d.comb += [
            buffer.o.eq(self.pins.dq_o[lane]),
            buffer.oe.eq(self.pins.dq_oe[lane]),
            self.pins.dq_i[lane].eq(buffer.i),
        ]
