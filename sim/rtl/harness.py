"""The design that is simulated: a core and what is around it."""

from pathlib import Path

from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal
from amaranth.lib import wiring

from accel.config import AcceleratorConfig
from accel.core.core import Core
from accel.core.host_link.receiver import LinkTimes

from ..rtl2cpp.activity import Rest
from .flash_chip import FlashChip

FLASH_BYTES = 1 << 19
FLASH_OFFSET = 1 << 16


def flash_bytes_for(image: int) -> int:
    """The size of a chip that has room for a program's image of so many bytes.

    No smaller than ``FLASH_BYTES``, so that most programs share one simulator, and no larger than
    need be: a memory takes 8 characters a byte in the sources of a simulator.
    """
    return max(FLASH_BYTES, 1 << (FLASH_OFFSET + image - 1).bit_length())


class Harness(Elaboratable):
    """A core whose byte streams and clock are the ports of a simulated design.

    A core that reads a flash gets a chip of ``flash_bytes``; the program's image begins at
    ``FLASH_OFFSET``. ``times`` is how long the core's link waits for bytes. ``driver`` are the C++
    files around the compiled design, of which the first is the one that is compiled.
    """

    times: LinkTimes | None = None
    driver: tuple[Path, ...] = (Path(__file__).with_name("core_driver.cc"),)

    # What mostly has nothing to do while layers are computed, and the counters in it that count on.
    rest = Rest(
        modules=(
            ("core.sequencer", "core.flash.dma"),
            ("chip", "core.flash"),
            ("core.link.sender",),
            ("core.link.receiver",),
            ("core.link",),
            ("core.guard",),
            ("core.write_back.sums",),
        ),
        restless=(
            "core.flash.reader.bus.clock",
            "core.counters.value",
            "core.drain.order.place",
            "core.link.receiver.patience",
        ),
    )

    def __init__(self, config: AcceleratorConfig, flash_bytes: int = FLASH_BYTES):
        self.core = Core(config, simulate=True, flash_offset=FLASH_OFFSET, times=self.times)
        self.chip = FlashChip(size=flash_bytes) if config.flash_lanes else None
        self.domain = ClockDomain("sync", reset_less=True)

    @property
    def ports(self) -> list[Signal]:
        core, chip = self.core, self.chip
        clock: Signal = self.domain.clk  # type: ignore[attr-defined]  # not in the stubs
        inputs = [clock, core.i.payload, core.i.valid, core.o.ready]
        if chip:
            inputs += [chip.load_en, chip.load_address, chip.load_data]
        return [*inputs, core.i.ready, core.o.payload, core.o.valid]

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = self.domain
        m.submodules.core = self.core
        if self.chip:
            m.submodules.chip = self.chip
            wiring.connect(m, self.core.flash, self.chip.pins)
        return m
