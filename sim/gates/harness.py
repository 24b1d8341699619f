"""A core in RTL with the UART of its board: the serial line is the design's ports."""

from functools import cache
from pathlib import Path

from amaranth.hdl import Signal
from amaranth.lib import wiring

from accel.config import AcceleratorConfig
from accel.core.host_link.uart import Uart
from accel.protocol import EIGHTHS

from ..rtl.harness import FLASH_BYTES, Harness

HERE = Path(__file__).parent


class LineHarness(Harness):
    """A core behind a UART whose bit takes so many eighths of a cycle at first."""

    driver = tuple(HERE / name for name in ("rtl_bench.cc", "bench.h", "lanes.h"))
    bit = 8 * EIGHTHS

    def __init__(self, config: AcceleratorConfig, flash_bytes: int = FLASH_BYTES):
        super().__init__(config, flash_bytes)
        self.link = Uart(clock_hz=self.bit / EIGHTHS, baud=1)
        self.rx, self.tx = Signal(name="rx", init=1), Signal(name="tx")

    @property
    def ports(self) -> list[Signal]:
        core = self.core
        inner = {
            id(port)
            for stream in (core.i, core.o)
            for port in (stream.payload, stream.valid, stream.ready)
        }
        return [*(port for port in super().ports if id(port) not in inner), self.rx, self.tx]

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.submodules.link = link = self.link
        wiring.connect(m, self.core.i, link.o)
        wiring.connect(m, link.i, self.core.o)
        wiring.connect(m, link.rate, self.core.rate)
        m.d.comb += [link.rx.eq(self.rx), self.tx.eq(link.tx)]
        return m


@cache
def harness_of(bit: int) -> type[LineHarness]:
    """One on whose line a bit takes so many eighths of a cycle at first."""
    return type(f"LineHarness{bit}", (LineHarness,), {"bit": bit, "__module__": __name__})
