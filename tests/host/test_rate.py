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
FIRST = 36  # cycles of a bit


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
            cycles = values_of(HEADER, head)["count"] + 1
            self.core_baud = round(self.port.clock_mhz * 1e6 / cycles)


def test_the_fastest_rate_is_a_whole_fraction_of_the_clock():
    assert rates(PORT)[:3] == [(3, 12_000_000), (4, 9_000_000), (5, 7_200_000)]
    assert rates(Port("p", 1_000_000, 36.0, 3_000_000))[0] == (12, 3_000_000)
    assert rates(Port("p", 1_000_000, 100.0, 12_000_000))[0] == (9, 11_111_111)
    assert rates(Port("p", 1_000_000, 36.0)) == []
    assert rates(Port("p", 8_000_000, 36.0, 12_000_000)) == []


@pytest.mark.parametrize(
    ("port_can", "line_can", "baud"),
    [
        ((12_000_000, 9_000_000), (12_000_000, 9_000_000), 12_000_000),
        ((12_000_000, 9_000_000), (9_000_000,), 9_000_000),
        ((9_000_000,), (12_000_000, 9_000_000), 9_000_000),
        ((), (12_000_000,), 1_000_000),
        ((12_000_000, 9_000_000, 7_200_000), (), 1_000_000),
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
