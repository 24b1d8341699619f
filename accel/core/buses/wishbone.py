"""A core on Wishbone."""

from typing import ClassVar

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..core import Core
from ._bus_core import BusCore
from .registers import ADDRESS_BITS, LANES, WORD_BITS, ByteRegisters

wishbone = wiring.Signature(
    {
        "cyc": Out(1),
        "stb": Out(1),
        "we": Out(1),
        "adr": Out(ADDRESS_BITS),
        "sel": Out(LANES),
        "dat_w": Out(WORD_BITS),
        "dat_r": In(WORD_BITS),
        "ack": In(1),
    }
)
"""Wishbone B4 in standard ("classic") cycles, from the master's side; ``adr`` is of a byte, and its
lowest two bits do not matter."""


class WishboneBridge(wiring.Component):
    """Accesses to registers by standard cycles of Wishbone.

    Timing: each is acknowledged in the cycle after it was asked for, and takes two cycles.

    Members
    -------
    wb : In(wishbone)
        The bus.
    registers : ByteRegisters
        A submodule: its streams are for who owns the bridge.
    """

    def __init__(self) -> None:
        self.registers = ByteRegisters()
        super().__init__({"wb": In(wishbone)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.registers = registers = self.registers
        asked = Signal()
        m.d.comb += asked.eq(self.wb.cyc & self.wb.stb & ~self.wb.ack)
        for port, en in ((registers.read, ~self.wb.we), (registers.write, self.wb.we)):
            m.d.comb += [
                port.en.eq(asked & en),
                port.address.eq(self.wb.adr),
                port.lanes.eq(self.wb.sel),
            ]
        m.d.comb += registers.write.data.eq(self.wb.dat_w)
        m.d.sync += self.wb.ack.eq(asked)
        with m.If(registers.read.en):
            m.d.sync += self.wb.dat_r.eq(registers.read.data)
        return m


class WishboneCore(BusCore):
    """A core behind registers on Wishbone, see `ByteRegisters`.

    Members
    -------
    wb : In(wishbone)
        The bus.
    irq : Out(1)
        A byte waits in ``RECEIVE``.
    running : Out(1)
        A program runs.
    flash : Out(flash_pins)
        On cores with a flash.
    """

    module = "accel_core_wishbone"
    bus: ClassVar = {"wb": In(wishbone), "irq": Out(1)}

    def __init__(self, core: Core):
        super().__init__(core)
        self.bridge = WishboneBridge()

    def elaborate(self, platform):
        m = Module()
        self.add_core(m)
        self.add_bridge(m, self.bridge, self.wb, self.bridge.wb)
        return m
