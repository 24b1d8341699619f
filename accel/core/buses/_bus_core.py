"""What the cores on all buses have in common."""

from collections.abc import Mapping
from typing import ClassVar

from amaranth.lib import wiring
from amaranth.lib.wiring import Member, Out

from ...config import AcceleratorConfig
from ..core import Core
from ..flash.bus import flash_pins


class BusCore(wiring.Component):
    """A core behind a bus, with the ``running`` and ``flash`` of `Core`.

    Parameters
    ----------
    core : Core
        What is put on the bus.
    """

    module: ClassVar[str] = "accel_core"
    """The name of the module in Verilog."""

    bus: ClassVar[Mapping[str, Member]]
    """The members that belong to the bus."""

    def __init__(self, core: Core):
        self.core = core
        super().__init__(self.signature_of(core.config))

    @classmethod
    def signature_of(cls, config: AcceleratorConfig) -> wiring.Signature:
        """The interface of a core of this configuration on the bus."""
        flash = {"flash": Out(flash_pins)} if config.flash_lanes else {}
        return wiring.Signature({**cls.bus, "running": Out(1), **flash})

    def add_core(self, m):
        """The core as a submodule, with all but its streams connected."""
        m.submodules.core = core = self.core
        m.d.comb += self.running.eq(core.running)
        if core.config.flash_lanes:
            wiring.connect(m, wiring.flipped(self.flash), core.flash)

    def add_bridge(self, m, bridge, bus, port):
        """A bridge as a submodule, between the ``bus`` and the core; the bridge has it as
        ``port``."""
        m.submodules.bridge = bridge
        wiring.connect(m, wiring.flipped(bus), port)
        registers = bridge.registers
        wiring.connect(m, registers.o, self.core.i)
        wiring.connect(m, self.core.o, registers.i)
        m.d.comb += [registers.running.eq(self.core.running), self.irq.eq(registers.irq)]
