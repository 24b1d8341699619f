"""A simulated board behind a UART and a line that may be bad, as tests plug it in and pull it."""

from accel.config import AcceleratorConfig
from accel.sim.board.serial_line import SerialHarness
from accel.sim.board.terminal import TerminalBoard
from accel.sim.rtl.compiled import CompiledCore
from tests.support.host.fake_core import Line

PATIENCE = 1 << 20  # cycles without an answer
BAUD = 19_200  # less than the simulation makes of a real second


class SerialCore(CompiledCore):
    """A transport to a core at the other end of a simulated serial line. What comes while it is
    written to is kept, as a host's port does."""

    def write(self, data: bytes) -> None:
        while data:
            taken, came = self.advance(data, 4096, 1000)
            data = data[taken:]
            self._unread += came

    def read(self, count: int, cycles: int = 0) -> bytes:
        part, self._unread = self._unread[:count], self._unread[count:]
        return part + self.advance(b"", count - len(part), PATIENCE + cycles)[1]


class SimulatedBoard(TerminalBoard):
    """Runs in a thread of its own until it is unplugged; ``port`` is its name."""

    def __init__(self, config: AcceleratorConfig):
        self.to_core, self.to_host = Line(), Line()
        super().__init__(CompiledCore(config, SerialHarness))

    def from_host(self, data: bytes) -> bytes:
        return self.to_core.pass_on(data)

    def from_core(self, data: bytes) -> bytes:
        return self.to_host.pass_on(data)
