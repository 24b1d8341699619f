"""Both ends of a simulated serial line change to the rate that the host sets, and fall back."""

import os

import pytest

from accel.config import AcceleratorConfig
from accel.host.driver import Driver
from accel.protocol import EIGHTHS, LEAST_EIGHTHS, TIMEOUT_BITS, Opcode
from accel.sim.board.serial_line import SerialHarness
from tests.support.host.serial_board import SerialCore

CONFIG = AcceleratorConfig()
BITS = 10  # of a byte
DATA = bytes(range(64))

# What compiles the same RTL stays in one process.
pytestmark = pytest.mark.xdist_group("serial")

if os.name != "posix":
    pytest.skip("compiles RTL as other tests of pseudo-terminals do", allow_module_level=True)


class Serial(SerialCore):
    """A core at the other end of such a line."""

    def __init__(self):
        super().__init__(CONFIG, SerialHarness)


def cycles_of(driver, core):
    """Cycles that a write and a read of some words take; what is read is right."""
    start = core.cycles
    driver.write(0, 0, DATA)
    assert driver.read(0, 0, 16) == DATA
    return core.cycles - start


def test_a_rate_that_is_set_is_that_of_both_ends_until_nobody_speaks_at_it():
    core = Serial()
    driver = Driver(core, CONFIG)
    driver.connect()
    slow = cycles_of(driver, core)
    assert slow >= 2 * len(DATA) * BITS * SerialHarness.cycles_per_bit
    driver.exchange.request(Opcode.RATE, count=4 * EIGHTHS - LEAST_EIGHTHS)
    driver.exchange.probe()
    fast = cycles_of(driver, core)
    assert fast < slow / 2
    # A rate that is not confirmed by a good frame is given up, at both ends.
    driver.exchange.request(Opcode.RATE, count=8 * EIGHTHS - LEAST_EIGHTHS)
    core.advance(b"", 1, 2 << TIMEOUT_BITS)
    assert cycles_of(driver, core) == pytest.approx(slow, rel=0.1)
    assert driver.retries == 0
