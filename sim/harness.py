"""What stands around a core in simulation."""

from amaranth.hdl import *

from accel.config import AcceleratorConfig
from accel.core.core import Core


class Harness(Elaboratable):
    """A core whose byte streams and clock are the ports of a simulated design."""

    def __init__(self, config: AcceleratorConfig):
        self.core = Core(config, simulate=True)
        self.domain = ClockDomain("sync", reset_less=True)

    @property
    def ports(self) -> list[Signal]:
        core = self.core
        inputs = [self.domain.clk, core.i.payload, core.i.valid, core.o.ready]
        return [*inputs, core.i.ready, core.o.payload, core.o.valid]

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = self.domain
        m.submodules.core = self.core
        return m
