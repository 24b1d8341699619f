"""A board that is not there: a core in compiled RTL, behind a UART, behind a pseudo-terminal."""

import os
import select
import threading
import tty

from amaranth.lib import wiring

from accel.config import AcceleratorConfig
from accel.core.host_link.uart import Uart
from accel.protocol import EIGHTHS, SHORTEST_BIT
from accel.sim.rtl.compiled import CompiledCore
from accel.sim.rtl.harness import FLASH_BYTES, Harness
from tests.support.host.fake_core import Line

STEP = 4000  # cycles between two looks at the pseudo-terminal
BYTES = 64  # that it has under way at a time
BAUD = 19_200  # less than the simulation makes of a real second


class SerialHarness(Harness):
    """A core with the UART of its board, and at the other end of the line the one of its host."""

    cycles_per_bit: float = 16

    def __init__(self, config: AcceleratorConfig, flash_bytes: int = FLASH_BYTES):
        super().__init__(config, flash_bytes)
        self.board = Uart(clock_hz=self.cycles_per_bit, baud=1)
        self.host = Uart(clock_hz=self.cycles_per_bit, baud=1)

    @property
    def ports(self):
        i, o = self.host.i, self.host.o
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
        return m


def harness_of(bit: int) -> type[SerialHarness]:
    """One on whose line a bit takes so many eighths of a cycle."""
    members = {"cycles_per_bit": bit / EIGHTHS, "__module__": __name__}
    return type(f"SerialHarness{bit}", (SerialHarness,), members)


FastHarness = harness_of(EIGHTHS * SHORTEST_BIT)
"""At the fastest rate that there is, a third of the clock."""


class SimulatedBoard:
    """Runs in a thread of its own until it is unplugged; ``port`` is its name."""

    def __init__(self, config: AcceleratorConfig):
        self.core = CompiledCore(config, SerialHarness)
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self.to_core, self.to_host = Line(), Line()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        sending = b""
        while not self._stopped.is_set():
            if len(sending) < BYTES and select.select([self.master], [], [], 0)[0]:
                sending += self.to_core.pass_on(os.read(self.master, BYTES))
            taken, come = self.core.advance(sending, BYTES, STEP)
            sending = sending[taken:]
            if come:
                os.write(self.master, self.to_host.pass_on(come))

    def unplug(self) -> None:
        """Be gone, as a board whose cable is pulled; once or more often."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._thread.join()
            os.close(self.master)
            os.close(self._slave)
