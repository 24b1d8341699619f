"""What is looked at and held in a compiled design is what its RTL has by that name."""

import pytest

from accel.config import AcceleratorConfig
from accel.host.driver import Driver
from accel.sim.rtl.compiled import CompiledCore
from accel.sim.rtl.state import NoSuchState

CONFIG = AcceleratorConfig()
MEMORY = "core.banks.bank_1.memory"

# What compiles the same RTL stays in one process.
pytestmark = pytest.mark.xdist_group("serial")


@pytest.fixture
def core():
    return CompiledCore(CONFIG)


@pytest.fixture
def driver(core):
    driver = Driver(core, CONFIG)
    driver.connect()
    return driver


def test_a_memory_shows_what_was_written(core, driver):
    driver.write(1, 100, bytes([0x81, 0, 0x10, 0]))
    driver.exchange.settle()
    bits = [bit for bit in range(32) if core.state.peek(MEMORY, bit, 100)]
    assert bits == [0, 7, 20]


def test_a_bit_that_is_held_keeps_its_value_until_it_is_released(core, driver):
    core.state.hold(MEMORY, 9, 1, 7)
    core.state.hold(MEMORY, 0, 0, 7)
    driver.write(1, 6, bytes(4) + b"\xff\x00\xff\xff" + bytes(4))
    assert driver.read(1, 6, 3) == bytes(4) + b"\xfe\x02\xff\xff" + bytes(4)
    core.state.release()
    driver.write(1, 7, bytes(4))
    assert driver.read(1, 7, 1) == bytes(4)


def test_a_register_is_held_in_one_core_and_not_in_another_of_the_same_library(core, driver):
    core.state.hold("core.banks.bank_0.read__data", 31, 1)
    driver.write(0, 0, bytes(4))
    assert driver.read(0, 0, 1) == b"\0\0\0\x80"
    other = Driver(CompiledCore(CONFIG), CONFIG)
    other.connect()
    other.write(0, 0, bytes(4))
    assert other.read(0, 0, 1) == bytes(4)


def test_a_number_that_amaranth_adds_may_be_left_out(core):
    (full,) = (
        name
        for name in core.state.parts
        if name.endswith("weights.memory.memory")
        or (name.startswith("core.weights$") and name.endswith(".memory.memory"))
    )
    assert core.state.peek("core.weights.memory.memory") == core.state.peek(full)


@pytest.mark.parametrize(
    "place", [("core.nothing", 0, 0), (MEMORY, 32, 0), (MEMORY, 0, CONFIG.bank_words)]
)
def test_what_there_is_not_is_refused(core, place):
    with pytest.raises(NoSuchState, match=f"^There is no bit {place[1]} of word {place[2]} of "):
        core.state.peek(*place)


def test_no_more_is_held_than_there_is_room_for(core):
    for bit in range(64):
        core.state.hold(MEMORY, bit % 32, 0, bit // 32)
    with pytest.raises(NoSuchState, match=r"release them first$"):
        core.state.hold(MEMORY, 0, 0, 5)
