"""A core behind the UART of its board, and at the other end of the line the one of its host."""

from functools import cache

from amaranth.hdl import Signal
from amaranth.lib import stream, wiring

from accel.config import AcceleratorConfig
from accel.core.host_link.uart import Uart
from accel.protocol import EIGHTHS, SHORTEST_BIT

from ..rtl.harness import FLASH_BYTES, Harness

_QUIET_BITS = 12  # bits without an edge after which the byte on a line has ended
_SETTLING = 4  # cycles until the host's end has taken a rate


class SerialHarness(Harness):
    """Both UARTs with a bit of ``cycles_per_bit`` cycles, until the host sets another rate.

    The host's end changes to a rate that the core has acknowledged, once that answer has come, and
    sends nothing until then. It falls back when the core does.
    """

    cycles_per_bit: float = 16

    def __init__(self, config: AcceleratorConfig, flash_bytes: int = FLASH_BYTES):
        super().__init__(config, flash_bytes)
        self.board = Uart(clock_hz=self.cycles_per_bit, baud=1)
        self.host = Uart(clock_hz=self.cycles_per_bit, baud=1)
        self.sending = stream.Signature(8).flip().create(path=("i",))

    @property
    def ports(self):
        i, o = self.sending, self.host.o
        around = (self.core.i.payload, self.core.i.valid, self.core.o.ready)
        around += (self.core.i.ready, self.core.o.payload, self.core.o.valid)
        inner = {id(port) for port in around}
        clock, *others = (port for port in super().ports if id(port) not in inner)
        return [clock, i.payload, i.valid, o.ready, *others, i.ready, o.payload, o.valid]

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.submodules.board = self.board
        m.submodules.host = self.host
        wiring.connect(m, self.core.i, self.board.o)
        wiring.connect(m, self.board.i, self.core.o)
        m.d.comb += [self.board.rx.eq(self.host.tx), self.host.rx.eq(self.board.tx)]
        self._add_rate(m)
        return m

    def _add_rate(self, m):
        """The host's end waits for the end of the acknowledgement, which comes at the old rate."""
        rate, host = self.core.rate, self.host.rate
        wiring.connect(m, self.board.rate, rate)
        last = int(_QUIET_BITS * self.cycles_per_bit)
        due, quiet = Signal(), Signal(range(last + 1))
        ended = due & (quiet == last)
        m.d.comb += [
            self.host.i.payload.eq(self.sending.payload),
            self.host.i.valid.eq(self.sending.valid & ~due),
            self.sending.ready.eq(self.host.i.ready & ~due),
            host.bit.eq(rate.bit),
            host.good.eq(rate.good),
            host.expired.eq(rate.expired),
            host.apply.eq(due & (quiet == last - _SETTLING)),
        ]
        with m.If(rate.apply):
            m.d.sync += [due.eq(1), quiet.eq(0)]
        with m.Elif(ended):
            m.d.sync += due.eq(0)
        with m.Elif(~self.board.tx):
            m.d.sync += quiet.eq(0)
        with m.Elif(due):
            m.d.sync += quiet.eq(quiet + 1)


@cache
def harness_of(bit: int) -> type[SerialHarness]:
    """One on whose line a bit takes so many eighths of a cycle at first."""
    members = {"cycles_per_bit": bit / EIGHTHS, "__module__": __name__}
    return type(f"SerialHarness{bit}", (SerialHarness,), members)


FastHarness = harness_of(EIGHTHS * SHORTEST_BIT)
"""At the fastest rate that there is, a third of the clock."""
