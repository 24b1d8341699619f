"""What an inference takes on the line is what the driver sends and reads for it."""

import numpy as np
import pytest

from accel.compiler.compile import compile_graph
from accel.config import AcceleratorConfig
from accel.host.driven_core import DrivenCore
from accel.host.timing.line import BITS, bytes_of, line_cycles, share_at_rest
from accel.protocol import ACKNOWLEDGEMENT_BYTES
from tests.support.host.fake_core import FakeCore
from tests.support.networks.small import two_convolutions

CONFIG = AcceleratorConfig()


class Counting(FakeCore):
    read_bytes = 0

    def read(self, count, cycles=0):
        data = super().read(count, cycles)
        self.read_bytes += len(data)
        return data


def compiled():
    return compile_graph(two_convolutions(), CONFIG)


def test_bytes_are_those_of_a_further_sample():
    program = compiled()
    transport = Counting(CONFIG)
    core = DrivenCore(program, transport)
    (source,) = program.inputs
    layout = program.placement(source.tensor).layout
    size = layout.words(CONFIG.rows) * layout.lanes(CONFIG.rows)
    sample = {source.tensor: np.zeros(size, np.uint8)}
    before = len(transport.sent), transport.read_bytes
    core.run_sample(sample, list(program.partition.outputs))
    sent, received = len(transport.sent) - before[0], transport.read_bytes - before[1]
    to_core, from_core = bytes_of(program)
    assert to_core == sent
    assert from_core <= received <= from_core + 8 * ACKNOWLEDGEMENT_BYTES


def test_a_core_that_waits_for_the_line_rests_meanwhile():
    program = compiled()
    line = line_cycles(program, clock_mhz=36.0, baud=12e6)
    assert line == max(bytes_of(program)) * BITS * 3
    assert share_at_rest(program, line // 4, clock_mhz=36.0, baud=12e6) == pytest.approx(0.75, 0.01)
    assert share_at_rest(program, 2 * line, clock_mhz=36.0, baud=12e6) == 0


def test_a_rate_that_the_clock_does_not_make_is_not_counted_on():
    program = compiled()
    # A bit of 12 Mbaud has less than three cycles of a clock of 33 MHz.
    slow, fast = (line_cycles(program, clock_mhz=33.0, baud=baud) for baud in (12e6, 11e6))
    assert slow * 24 == fast * 44
