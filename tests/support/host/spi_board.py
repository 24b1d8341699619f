"""A core in compiled RTL behind its SPI target: each byte from a host is answered with one."""

from amaranth.hdl import *
from amaranth.hdl import Fragment
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from accel.config import AcceleratorConfig
from accel.core.host_link.spi import SpiTarget
from accel.sim.rtl.harness import FLASH_BYTES, Harness

QUARTER = 4  # cycles of the core in one of the host's clock: the fewest


class SpiHost(wiring.Component):
    """The other end of the line: sends bytes one after another, and has what came meanwhile.

    The core stays selected. ``rise`` and ``fall`` are on in the cycle before ``sck`` changes.
    """

    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))
    sck: Out(1)
    copi: Out(1)
    cipo: In(1)
    rise: Out(1)
    fall: Out(1)

    def elaborate(self, platform):
        m = Module()
        phase, bit = Signal(range(QUARTER)), Signal(range(8))
        busy, byte, came = Signal(), Signal(8), Signal(8)
        m.d.comb += [
            self.i.ready.eq(~busy & ~self.o.valid),
            self.copi.eq(byte[-1]),
            self.o.payload.eq(came),
            self.rise.eq(busy & (phase == QUARTER // 2 - 1)),
            self.fall.eq(busy & (phase == QUARTER - 1)),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [byte.eq(self.i.payload), busy.eq(1), phase.eq(0), bit.eq(0)]
        with m.If(busy):
            m.d.sync += phase.eq(phase + 1)
        with m.If(self.rise):
            m.d.sync += [self.sck.eq(1), came.eq(Cat(self.cipo, came))]
        with m.If(self.fall):
            m.d.sync += [self.sck.eq(0), byte.eq(byte << 1), bit.eq(bit + 1), phase.eq(0)]
            with m.If(bit == 7):
                m.d.sync += [busy.eq(0), self.o.valid.eq(1)]
        return m


def sampled(target: SpiTarget, host: SpiHost) -> Fragment:
    """The target with all its registers on the core's clock, and enables where ``sck`` has edges.

    A simulation in cycles has one clock. As ``sck`` changes with it, the same registers take the
    same values at the same times, but for what crosses between the clocks: that is a cycle older.
    """
    edges = {"rising": host.rise, "falling": host.fall, "whole": host.rise, "fetched": host.fall}
    inner = Fragment.get(target, None)
    made = (ClockSignal, ResetSignal)  # of domains that are the core's now
    inner.statements["comb"] = [
        one for one in inner.statements["comb"] if not isinstance(one.lhs, made)
    ]
    for name in edges:
        del inner.domains[name]
    return DomainRenamer(dict.fromkeys(edges, "sync"))(EnableInserter(edges)(inner))


class SpiHarness(Harness):
    """A core with the SPI target of its board, and the host at the other end of the line."""

    def __init__(self, config: AcceleratorConfig, flash_bytes: int = FLASH_BYTES):
        super().__init__(config, flash_bytes)
        self.target, self.host = SpiTarget(), SpiHost()

    @property
    def ports(self):
        core, host = self.core, self.host
        around = (core.i.payload, core.i.valid, core.o.ready)
        around += (core.i.ready, core.o.payload, core.o.valid)
        inner = {id(port) for port in around}
        clock, *others = (port for port in super().ports if id(port) not in inner)
        ends = [host.i.payload, host.i.valid, host.o.ready]
        return [clock, *ends, *others, host.i.ready, host.o.payload, host.o.valid]

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.submodules.host = host = self.host
        m.submodules.target = sampled(self.target, host)
        wiring.connect(m, self.core.i, self.target.o)
        wiring.connect(m, self.target.i, self.core.o)
        m.d.comb += [
            self.target.sck.eq(host.sck),
            self.target.copi.eq(host.copi),
            self.target.select.eq(1),
            host.cipo.eq(self.target.cipo),
        ]
        return m
