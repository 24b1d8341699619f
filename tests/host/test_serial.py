"""A serial port that cannot be used, or no longer, is told in one sentence with what to do."""

import contextlib
import errno
import os
import re
import termios
import threading
import time
import tty

import pytest
import serial

from accel.api import compile
from accel.host import serial as module
from accel.host.exchange import LinkError
from accel.host.serial import CannotOpenPort, Port, SerialTransport
from tests.support.networks.small import images, two_convolutions

if os.name != "posix":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

SLACK = 0.6  # seconds that a busy machine may add


@pytest.fixture
def line():
    """The two ends of a pseudo-terminal: a descriptor and a port's name."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    for end in (master, slave):
        with contextlib.suppress(OSError):
            os.close(end)


@pytest.fixture
def transport(line):
    with contextlib.closing(SerialTransport(Port(line[1], 115_200), patience=0.1, quiet=0.1)) as t:
        yield t


def taken(action):
    """Seconds that an action takes, and what it returns."""
    start = time.monotonic()
    answer = action()
    return time.monotonic() - start, answer


def test_bytes_of_all_values_go_both_ways(line, transport):
    data = bytes(range(256))
    transport.write(data)
    assert os.read(line[0], 1000) == data
    os.write(line[0], data)
    assert transport.read(256) == data


def test_what_does_not_come_in_time_is_left_out(line, transport):
    os.write(line[0], b"abc")
    seconds, answer = taken(lambda: transport.read(5))
    assert answer == b"abc"
    assert 0.1 <= seconds < 0.1 + SLACK


@pytest.mark.parametrize("written, wanted", [(200, 1), (0, 200), (100, 100)])
def test_an_answer_has_the_time_that_bytes_take_on_the_line(line, written, wanted):
    slow = SerialTransport(Port(line[1], 4800), patience=0.1)
    with contextlib.closing(slow):
        slow.write(bytes(written))
        seconds, answer = taken(lambda: slow.read(wanted))
    on_the_line = 10 * (written + wanted) / 4800
    assert answer == b""
    assert 0.1 + on_the_line - 0.05 <= seconds < 0.1 + on_the_line + SLACK


def test_an_answer_has_the_time_that_the_core_works(line):
    """At the clock of the core; nobody's patience is that long."""
    port = Port(line[1], 1_000_000, clock_mhz=2.0)
    with contextlib.closing(SerialTransport(port, patience=0.05)) as slow:
        late = threading.Timer(0.3, os.write, (line[0], b"\xa5"))
        late.start()
        assert slow.read(1, cycles=10_000_000) == b"\xa5"
        seconds, answer = taken(lambda: slow.read(1, cycles=400_000))
    assert answer == b""
    assert 0.25 <= seconds < 0.25 + SLACK


def test_discard_waits_until_nothing_comes_any_more(line, transport):
    def chatter():
        for _ in range(4):
            os.write(line[0], b"junk")
            time.sleep(0.03)

    talking = threading.Thread(target=chatter)
    talking.start()
    transport.discard()
    talking.join()
    assert transport.read(1) == b""


def test_discard_ends_although_somebody_talks_on(line, transport):
    stop = threading.Event()

    def chatter():
        while not stop.wait(0.01):
            os.write(line[0], b"junk")

    talking = threading.Thread(target=chatter)
    talking.start()
    seconds, _ = taken(transport.discard)
    stop.set()
    talking.join()
    assert seconds < 0.2 + SLACK


def test_a_port_that_takes_nothing_is_told(line):
    fast = SerialTransport(Port(line[1], 1_000_000), patience=0.1)
    start = time.monotonic()
    with contextlib.closing(fast), pytest.raises(LinkError, match=r"takes no more bytes; unplug"):
        fast.write(bytes(1 << 16))
    assert time.monotonic() - start < 0.1 + 10 * (1 << 16) / 1_000_000 + SLACK


@pytest.mark.parametrize("action", ["write", "read", "discard"])
def test_a_port_that_goes_away_is_told(line, transport, action):
    os.close(line[0])
    arguments = {"write": (b"x",), "read": (1,), "discard": ()}[action]
    with pytest.raises(LinkError, match=f"^Port {line[1]} went away .*; plug the board in again$"):
        getattr(transport, action)(*arguments)


def test_a_port_has_one_user(line, transport):
    message = f"Port {line[1]} is in use; close the program that has it open"
    with pytest.raises(CannotOpenPort, match=f"^{re.escape(message)}$"):
        SerialTransport(Port(line[1], 115_200))
    transport.close()
    SerialTransport(Port(line[1], 115_200)).close()


def test_a_missing_port_is_told_with_those_that_there_are(tmp_path, monkeypatch):
    class Found:
        device = "/dev/ttyUSB7"

    name = str(tmp_path / "ttyUSB0")
    for found, hint in (([], "there is no serial port here"), ([Found], "ports here are .*USB7")):
        monkeypatch.setattr(module.list_ports, "comports", lambda found=found: found)
        with pytest.raises(CannotOpenPort, match=f"^Port {name} does not exist; {hint}$"):
            SerialTransport(Port(name, 115_200))


def test_a_file_is_no_port(tmp_path):
    (tmp_path / "file").write_text("mine")
    message = f"^Port {tmp_path / 'file'} cannot be opened as a serial port .*; "
    with pytest.raises(CannotOpenPort, match=message):
        SerialTransport(Port(str(tmp_path / "file"), 115_200))


def test_a_port_without_permission_is_told_with_the_group(monkeypatch):
    def refuse(*_, **__):
        raise serial.SerialException(errno.EACCES, "could not open port")

    monkeypatch.setattr(module.serial, "Serial", refuse)
    message = "Port p may not be used; join the group that owns it, often dialout, and log in again"
    with pytest.raises(CannotOpenPort, match=f"^{message}$"):
        SerialTransport(Port("p", 115_200))


@pytest.mark.parametrize("baud", [-1, 1 << 40])
def test_a_rate_that_cannot_be_is_told(line, baud):
    message = f"^Port {line[1]} cannot be set to {baud} baud; use the rate of the board$"
    with pytest.raises(CannotOpenPort, match=message):
        SerialTransport(Port(line[1], baud))


def test_the_latency_of_an_ftdi_chip_is_1_ms_where_it_may_be_set(tmp_path):
    timer = tmp_path / "ttyUSB3" / "device" / "latency_timer"
    timer.parent.mkdir(parents=True)
    timer.write_text("16\n")
    assert module.shorten_latency("/dev/ttyUSB3", system=tmp_path)
    assert timer.read_text() == "1"
    assert module.shorten_latency("/dev/ttyUSB3", system=tmp_path)
    assert not module.shorten_latency("/dev/ttyACM0", system=tmp_path)


@pytest.mark.parametrize("action", ["write", "read", "discard"])
def test_a_device_that_goes_away_at_a_rate_of_its_own_is_told(line, transport, monkeypatch, action):
    """pyserial sets such a rate again with each time-out, and takes any error for a wrong rate."""

    def gone(*_, **__):
        raise ValueError("Failed to set custom baud rate (12000000): [Errno 5]")

    monkeypatch.setattr(serial.Serial, "_reconfigure_port", gone)
    arguments = {"write": (b"x",), "read": (1,), "discard": ()}[action]
    with pytest.raises(LinkError, match=f"^Port {line[1]} went away .*; plug the board in again$"):
        getattr(transport, action)(*arguments)


@pytest.mark.parametrize("call", ["tcsetattr", "tcflush"])
def test_a_device_that_goes_away_as_it_is_opened_is_told(line, monkeypatch, call):
    """pyserial passes on a terminal's error, which is none of the system's."""

    def gone(*_):
        raise termios.error(errno.EIO, "Input/output error")

    monkeypatch.setattr(termios, call, gone)
    message = rf"^Port {line[1]} cannot be opened as a serial port .*Input/output error"
    with pytest.raises(CannotOpenPort, match=message):
        SerialTransport(Port(line[1], 115_200))


def test_a_device_that_goes_away_as_its_rate_is_set_takes_none(transport, monkeypatch):
    def gone(*_):
        raise termios.error(errno.EIO, "Input/output error")

    monkeypatch.setattr(termios, "tcsetattr", gone)
    assert not transport.set_baud(9600)


def test_a_session_says_that_it_needs_a_port():
    session = compile(two_convolutions()).session
    with pytest.raises(CannotOpenPort, match=r"^Executor board needs the board's serial port, .*;"):
        session.execute("board", images(1))


def test_the_rate_and_the_clock_are_those_of_the_board(monkeypatch):
    from accel import boards
    from accel.host import serial

    class Opened(Exception):
        pass

    def opened(port):
        raise Opened(port)

    monkeypatch.setattr(serial, "SerialTransport", opened)
    for name, board in boards.BOARDS.items():
        program = compile(two_convolutions(), board=name)
        for given, wanted in ((None, board.link.baud), (9600, 9600)):
            with pytest.raises(Opened) as caught:
                program.run(images(1), "board", port="p", baud=given)
            fastest = None if given else board.link.fastest
            assert caught.value.args == (Port("p", wanted, board.clock.made_mhz, fastest),)
