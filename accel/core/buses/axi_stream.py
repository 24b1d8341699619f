"""A core on two AXI4-Streams of bytes."""

from typing import ClassVar

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ._bus_core import BusCore

axi_stream = wiring.Signature({"tdata": Out(8), "tvalid": Out(1), "tready": In(1)})
"""A stream of bytes, from the side that sends. Every byte counts, and there are no packets: no
TKEEP, TSTRB or TLAST."""


class AxiStreamCore(BusCore):
    """A core whose frames come and go over AXI4-Stream.

    Members
    -------
    s_axis : In(axi_stream), m_axis : Out(axi_stream)
        The bytes to the core, and those of its answers.
    running : Out(1)
        A program runs.
    flash : Out(flash_pins)
        On cores with a flash.
    """

    bus: ClassVar = {"s_axis": In(axi_stream), "m_axis": Out(axi_stream)}

    def elaborate(self, platform):
        m = Module()
        self.add_core(m)
        core = self.core
        m.d.comb += [
            core.i.payload.eq(self.s_axis.tdata),
            core.i.valid.eq(self.s_axis.tvalid),
            self.s_axis.tready.eq(core.i.ready),
            self.m_axis.tdata.eq(core.o.payload),
            self.m_axis.tvalid.eq(core.o.valid),
            core.o.ready.eq(self.m_axis.tready),
        ]
        return m
