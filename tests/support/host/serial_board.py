"""A simulated board behind a UART and a line that may be bad, as tests plug it in and pull it."""

from accel.config import AcceleratorConfig
from accel.sim.board.serial_line import SerialHarness
from accel.sim.board.terminal import TerminalBoard
from accel.sim.rtl.compiled import CompiledCore
from tests.support.host.fake_core import Line

BAUD = 19_200  # less than the simulation makes of a real second


class SimulatedBoard(TerminalBoard):
    """Runs in a thread of its own until it is unplugged; ``port`` is its name."""

    def __init__(self, config: AcceleratorConfig):
        self.to_core, self.to_host = Line(), Line()
        super().__init__(CompiledCore(config, SerialHarness))

    def from_host(self, data: bytes) -> bytes:
        return self.to_core.pass_on(data)

    def from_core(self, data: bytes) -> bytes:
        return self.to_host.pass_on(data)
