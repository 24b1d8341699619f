"""A serial line becomes as fast as both ends can make it, and stays usable where they cannot."""

import pytest

from accel.config import AcceleratorConfig
from accel.host.driver import Driver
from accel.host.exchange import LinkError
from accel.host.port import Port
from accel.host.rate import rates
from accel.protocol import HEADER, HEADER_BYTES, Opcode, values_of
from tests.support.host.fake_core import FakeCore

CONFIG = AcceleratorConfig()
PORT = Port("p", 1_000_000, 36.0, 12_000_000)


class Line(FakeCore):
    """A core behind a serial line, which understands nothing at another rate than its own.

    ``port_can`` has the rates of the port, ``line_can`` those at which bytes come through.
    """

    def __init__(self, *, port_can=(), line_can=(), port=PORT):
        super().__init__(CONFIG)
        self.port, self.port_can, self.line_can = port, port_can, (*line_can, port.baud)
        self.baud, self.core_baud = port.baud, port.baud
        self.strikes, self.tried = 0, []

    def set_baud(self, baud):
        self.tried.append(baud)
        if baud != self.port.baud and baud not in self.port_can:
            return False
        self.baud = baud
        return True

    def write(self, data):
        if self.baud != self.core_baud or self.baud not in self.line_can:
            self.core_baud = self.port.baud  # which it goes back to when it understands nothing
            return
        super().write(data)

    def _serve(self):
        head = bytes(self._frame)
        whole = len(head) == HEADER_BYTES and head[0] == Opcode.RATE
        super()._serve()
        if whole:
            eighths = values_of(HEADER, head)["count"] + 16
            self.core_baud = round(8e6 * self.port.clock_mhz / eighths)


def test_rates_are_those_of_the_port_that_eighths_of_the_clock_make():
    def of(clock_mhz, fastest=12_000_000, baud=1_000_000):
        return rates(Port("p", baud, clock_mhz, fastest))

    assert of(36.0)[:3] == [(24, 12_000_000), (48, 6_000_000), (72, 4_000_000)]
    assert of(37.5)[0] == (25, 12_000_000)
    assert of(100.0)[0] == (67, 12_000_000)
    assert of(33.0)[0] == (44, 6_000_000)  # 12 Mbaud would be less than three cycles
    assert of(37.0)[0] == (49, 6_000_000)  # 25 eighths would be 1.4 % too many for 12 Mbaud
    assert of(100.0, 3_000_000) == [(267, 3_000_000)]
    assert of(36.0, None) == []
    assert of(36.0, baud=8_000_000) == []


@pytest.mark.parametrize(
    ("port_can", "line_can", "baud"),
    [
        ((12_000_000, 6_000_000), (12_000_000, 6_000_000), 12_000_000),
        ((12_000_000, 6_000_000), (6_000_000,), 6_000_000),
        ((6_000_000,), (12_000_000, 6_000_000), 6_000_000),
        ((), (12_000_000,), 1_000_000),
        ((12_000_000, 6_000_000, 4_000_000), (), 1_000_000),
    ],
)
def test_the_fastest_rate_that_works_is_taken(port_can, line_can, baud):
    line = Line(port_can=port_can, line_can=line_can)
    driver = Driver(line, CONFIG)
    driver.connect()
    assert line.baud == line.core_baud == baud
    driver.write(0, 5, b"abcd")
    assert driver.read(0, 5, 1) == b"abcd"


def test_where_no_rate_is_known_none_is_tried():
    line = Line(port=Port("p", 1_000_000, 36.0), port_can=(12_000_000,), line_can=(12_000_000,))
    Driver(line, CONFIG).connect()
    assert line.tried == []


def test_a_core_that_is_lost_with_the_rate_is_told():
    line = Line(port_can=(12_000_000,))
    write = line.write

    def dead(data):
        if line.baud == line.core_baud == PORT.baud and not line.tried:
            write(data)

    line.write = dead
    with pytest.raises(LinkError, match=r"^Core did not answer, 4 times; "):
        Driver(line, CONFIG).connect()
