"""A core on AXI4-Lite."""

from typing import ClassVar

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..core import Core
from ._bus_core import BusCore
from .registers import ADDRESS_BITS, LANES, WORD_BITS, ByteRegisters

_PROT_BITS, _RESP_BITS = 3, 2
_OKAY = 0

axi4_lite = wiring.Signature(
    {
        "awaddr": Out(ADDRESS_BITS),
        "awprot": Out(_PROT_BITS),
        "awvalid": Out(1),
        "awready": In(1),
        "wdata": Out(WORD_BITS),
        "wstrb": Out(LANES),
        "wvalid": Out(1),
        "wready": In(1),
        "bresp": In(_RESP_BITS),
        "bvalid": In(1),
        "bready": Out(1),
        "araddr": Out(ADDRESS_BITS),
        "arprot": Out(_PROT_BITS),
        "arvalid": Out(1),
        "arready": In(1),
        "rdata": In(WORD_BITS),
        "rresp": In(_RESP_BITS),
        "rvalid": In(1),
        "rready": Out(1),
    }
)
"""AXI4-Lite with 32 bits of data, from the manager's side; addresses are of a byte, and their
lowest two bits do not matter."""


class Axi4LiteBridge(wiring.Component):
    """Accesses to registers over AXI4-Lite; reads and writes do not wait for each other.

    Every answer is OKAY and ``prot`` is ignored. Outputs come from registers, so that no path leads
    from an input to an output, as the standard has it.

    Timing: the answer comes two cycles after the access, the next one may be asked for in the cycle
    in which the answer is taken.

    Members
    -------
    axi : In(axi4_lite)
        The bus.
    registers : ByteRegisters
        A submodule: its streams are for who owns the bridge.
    """

    def __init__(self) -> None:
        self.registers = ByteRegisters()
        super().__init__({"axi": In(axi4_lite)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.registers = self.registers
        m.d.comb += [self.axi.bresp.eq(_OKAY), self.axi.rresp.eq(_OKAY)]
        self._add_writes(m)
        self._add_reads(m)
        return m

    def _add_writes(self, m):
        """Address and data may come in either order, or together."""
        axi, write = self.axi, self.registers.write
        address_there, data_there = Signal(), Signal()
        m.d.comb += [
            axi.awready.eq(~address_there),
            axi.wready.eq(~data_there),
            write.en.eq(address_there & data_there & ~axi.bvalid),
        ]
        with m.If(axi.awvalid & axi.awready):
            m.d.sync += [address_there.eq(1), write.address.eq(axi.awaddr)]
        with m.If(axi.wvalid & axi.wready):
            m.d.sync += [data_there.eq(1), write.data.eq(axi.wdata), write.lanes.eq(axi.wstrb)]
        with m.If(axi.bready):
            m.d.sync += axi.bvalid.eq(0)
        with m.If(write.en):
            m.d.sync += [address_there.eq(0), data_there.eq(0), axi.bvalid.eq(1)]

    def _add_reads(self, m):
        axi, read = self.axi, self.registers.read
        address_there = Signal()
        m.d.comb += [
            axi.arready.eq(~address_there),
            read.en.eq(address_there & ~axi.rvalid),
            read.lanes.eq(~0),  # a read of AXI is of all lanes
        ]
        with m.If(axi.arvalid & axi.arready):
            m.d.sync += [address_there.eq(1), read.address.eq(axi.araddr)]
        with m.If(axi.rready):
            m.d.sync += axi.rvalid.eq(0)
        with m.If(read.en):
            m.d.sync += [address_there.eq(0), axi.rvalid.eq(1), axi.rdata.eq(read.data)]


class Axi4LiteCore(BusCore):
    """A core behind registers on AXI4-Lite, see `ByteRegisters`.

    Members
    -------
    s_axi : In(axi4_lite)
        The bus.
    irq : Out(1)
        A byte waits in ``RECEIVE``.
    running : Out(1)
        A program runs.
    flash : Out(flash_pins)
        On cores with a flash.
    """

    module = "accel_core_axi4lite"
    bus: ClassVar = {"s_axi": In(axi4_lite), "irq": Out(1)}

    def __init__(self, core: Core):
        super().__init__(core)
        self.bridge = Axi4LiteBridge()

    def elaborate(self, platform):
        m = Module()
        self.add_core(m)
        self.add_bridge(m, self.bridge, self.s_axi, self.bridge.axi)
        return m
