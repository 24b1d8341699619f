"""What an inference takes with the link: the driver's own bytes, the core's cycles, and USB."""

import pytest

import accel
from accel.config import AcceleratorConfig
from accel.host.port import Port
from accel.host.timing.inference import NO_USB, Timing, Usb, in_digits, timing
from accel.host.timing.line import BITS, bytes_of
from tests.support.networks.small import two_convolutions

CONFIG = AcceleratorConfig()
BYTE = BITS * 3  # cycles, at a third of the clock
MHZ = 36.0


@pytest.fixture(scope="module")
def program():
    return accel.compile(two_convolutions(), config=CONFIG)


def timed(program, usb=NO_USB, baud=12e6):
    return timing(
        program.code,
        lambda _: [layer.cycles for layer in program.cycles],
        program.session.driven,
        clock_mhz=MHZ,
        baud=baud,
        usb=usb,
    )


def test_one_sample_is_sent_computed_and_answered_one_after_the_other(program):
    found, (to_core, from_core) = timed(program), bytes_of(program.code)
    cycles = program.report().cycles
    assert found.line_bytes == to_core
    assert found.core_ms * MHZ * 1e3 == pytest.approx(cycles)
    expected = (to_core + 2 + 4 + from_core - 6) * BYTE + cycles
    assert found.latency_ms * MHZ * 1e3 == pytest.approx(expected, abs=8 * BYTE)
    assert found.link_ms == pytest.approx(found.latency_ms - found.core_ms)


def test_many_samples_overlap_and_are_no_faster_than_core_or_line(program):
    found = timed(program)
    longest = max(found.core_ms, found.line_bytes * BYTE / MHZ / 1e3)
    assert longest <= found.period_ms < found.latency_ms
    assert found.throughput == pytest.approx(1e3 / found.period_ms)
    assert found.overlapped


def test_usb_adds_its_way_to_a_single_sample(program):
    plain, usb = timed(program), timed(program, Usb(out=1e-3, back=2e-3))
    assert usb.latency_ms == pytest.approx(plain.latency_ms + 3)
    assert usb.core_ms == plain.core_ms
    assert usb.load_ms > plain.load_ms + 3


def test_a_slow_line_is_what_is_waited_for(program):
    fast, slow = timed(program), timed(program, baud=115_200)
    assert slow.baud == 115_200
    assert slow.link_ms / fast.link_ms == pytest.approx(12e6 / 115_200, rel=0.02)


def test_it_says_core_link_and_both():
    one = Timing(
        core_ms=5.4, latency_ms=6.5, period_ms=5.5, load_ms=3, baud=12_000_000, line_bytes=1016
    )
    assert str(one) == "5.4 ms core + 1.1 ms link, overlapped: 182/s"
    alone = Timing(
        core_ms=0.2, latency_ms=2000.2, period_ms=2000.2, load_ms=3, baud=9600, line_bytes=1
    )
    assert str(alone) == "0.2 ms core + 2,000 ms link, 0.5/s"
    assert one.as_dict()["latency_ms"] == 6.5
    assert [in_digits(x) for x in (0.12345, 99.4, 123.4, 1234.5)] == [
        "0.123",
        "99.4",
        "123",
        "1,234",
    ]


def test_a_report_has_it_for_the_board():
    with accel.compile("examples/digits/digits_int8.tflite", board="icebreaker") as program:
        report = program.report()
    found = report.as_dict()
    assert report.latency_ms == pytest.approx(report.timing.core_ms + report.link_ms)
    assert found["latency_ms"] == round(report.latency_ms, 6)
    assert {"link_ms", "throughput", "energy_uj", "memory"} <= found.keys()
    assert found["baud"] == 12_000_000
    assert 0 < report.memory < 0.2
    assert report.energy_uj > 1


def test_the_rate_of_a_port_that_was_given_is_meant():
    with accel.compile(two_convolutions(), board="icebreaker") as program:
        board = program.timing()
        program.session.port = Port("sim", 1_000_000)
        given = program.timing()
        assert (board.baud, given.baud) == (12_000_000, 1_000_000)
        assert given.link_ms > board.link_ms
        assert program.timing("ulx3s_85f").baud == 3_000_000  # another board's is its own
