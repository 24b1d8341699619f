"""What is no core at the other end is named, and a core that has started anew is told."""

import re

import numpy as np
import pytest

from accel.config import AcceleratorConfig
from accel.host.driver import Driver
from accel.host.exchange import Exchange, LinkError, NoCore
from accel.protocol import NUMBERS, Opcode, header
from tests.campaigns.faulting.devices import Console, Echo, Modem, Silence
from tests.support.host.fake_core import FakeCore

CONFIG = AcceleratorConfig()
ANEW = (
    "^Core has started anew, it expects frame 0 instead of {}: what was loaded is lost; check the"
)


class At:
    """A transport to a device that answers at once."""

    def __init__(self, device):
        self.device, self.left = device, b""

    def write(self, data):
        self.left += self.device.answer(data)

    def read(self, count, cycles=0):
        part, self.left = self.left[:count], self.left[count:]
        return part

    def discard(self):
        self.left = b""


NAMED = {
    Silence: ("no core answers; is its bitstream loaded?", "Core did not answer, 4 times; check"),
    Echo: ("what is sent comes back", "No core answers, what is sent comes back: the port's rx"),
    Modem: (
        "what answers is no core, it says '\\r\\nERROR\\r\\n'",
        "No core answers, but something that says '\\r\\nERROR\\r\\n': another device",
    ),
    Console: (
        "what answers is no core, it says 'temperature 21.5 degre'",
        "No core answers, but something that says 'temperature 21.5 degre'",
    ),
}


@pytest.mark.parametrize("device", NAMED, ids=lambda device: device.__name__)
def test_what_is_there_instead_of_a_core_is_named(device):
    what, message = (text.replace("\r", "\\r").replace("\n", "\\n") for text in NAMED[device])
    with pytest.raises(NoCore, match=f"^{re.escape(message)}") as caught:
        Exchange(At(device())).begin()
    assert caught.value.what.startswith(what)
    assert "`accel doctor`" in str(caught.value)


def test_bytes_that_are_no_text_are_shown_as_such():
    device = Silence()
    device.answer = lambda data: b"\x00\xff" * 40
    with pytest.raises(NoCore, match=r"something that says (00 ff ){10}00 ff: another"):
        Exchange(At(device)).begin()


def connected():
    core = FakeCore(CONFIG)
    driver = Driver(core, CONFIG)
    driver.connect()
    return core, driver


def write(driver, count):
    for _ in range(count):
        driver.write(0, 0, bytes(CONFIG.rows))
    driver.exchange.settle()


@pytest.mark.parametrize("count", [1, 100, 223, 224, 225, 250, 255, 256, 257, 300, 480])
def test_a_core_that_starts_anew_is_told_whatever_number_comes_next(count):
    core, driver = connected()
    write(driver, count)
    core.expected = 0  # and its memory is empty
    with pytest.raises(LinkError, match=ANEW.format(r"[1-9]\d*")):
        write(driver, 1)


def test_numbers_begin_again_with_1_and_each_frame_is_executed():
    core, driver = connected()
    for number in range(3 * NUMBERS):
        driver.write(0, number, number.to_bytes(CONFIG.rows, "little"))
    driver.exchange.settle()
    found = np.frombuffer(driver.read(0, 0, 3 * NUMBERS), "<u4")
    assert np.array_equal(found, np.arange(3 * NUMBERS))
    assert header(Opcode.HELLO, 1) in core.sent
    assert driver.retries == 0


def test_bands_that_wait_for_their_run_are_not_forgotten_where_numbers_begin_again():
    core, driver = connected()
    for _ in range(NUMBERS):
        driver.write(0, 0, bytes(CONFIG.rows), band=True)
    driver.exchange.settle()
    assert header(Opcode.HELLO, 1) in core.sent
    assert core.bands == NUMBERS


def test_what_was_read_of_a_core_that_has_started_anew_is_not_believed():
    core, driver = connected()
    write(driver, 3)
    driver.read(0, 0, 1)
    driver.exchange.confirm()
    driver.read(0, 0, 1)
    core.expected = 0
    with pytest.raises(LinkError, match=ANEW.format(3)):
        driver.exchange.confirm()


def test_a_core_is_found_again_only_if_it_is_as_it_was():
    core, driver = connected()
    write(driver, 3)
    driver.exchange.resume()
    write(driver, 3)
    core.expected = 0
    with pytest.raises(LinkError, match=ANEW.format(4)):
        driver.exchange.resume()
