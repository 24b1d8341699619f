"""Ports are opened by any name that pyserial knows, and found by the core that answers there."""

import os
import re
from types import SimpleNamespace

import pytest
import serial

from accel.config import AcceleratorConfig
from accel.host import ports
from accel.host.driver import Driver
from accel.host.exchange import LinkError
from accel.host.port import Port
from accel.host.ports import FoundPort, PortNotFound, ask, find_port, found_ports, open_port
from accel.host.serial import CannotOpenPort
from accel.usb import FTDI_DUAL, UsbChip

if os.name != "posix":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

from tests.support.host.core_at_port import at_socket, at_terminal

CONFIG = AcceleratorConfig()
RATE = Port("", 1_000_000, 36.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What is silent here is so for ever."""
    monkeypatch.setattr(ports, "PATIENCE", 0.05)


def test_an_url_is_opened_as_pyserial_does():
    transport = open_port(Port("loop://", 1_000_000))
    transport.write(b"abc")
    assert transport.read(3) == b"abc"
    transport.close()


def test_a_driver_works_over_an_url():
    with at_socket(CONFIG) as url:
        transport = open_port(Port(url, 1_000_000, 36.0, 12_000_000))
        driver = Driver(transport, CONFIG)
        driver.connect()
        driver.write(0, 0, bytes(range(8)))
        assert driver.read(0, 0, 2) == bytes(range(8))
        assert transport.port.fastest is None, "a socket's other end keeps its rate"
        transport.close()


def test_an_url_that_goes_away_is_told():
    with at_socket(CONFIG) as url:
        transport = open_port(Port(url, 1_000_000))
    with pytest.raises(LinkError, match=f"^Port {url} went away"):
        for _ in range(3):
            transport.write(b"x")
            transport.read(1)
    transport.close()


def test_an_url_that_reaches_nobody_is_told():
    with at_socket(CONFIG) as url:
        pass
    with pytest.raises(CannotOpenPort, match=f"^Port {url} cannot be opened as a serial port .*"):
        open_port(Port(url, 1_000_000))


def test_an_unknown_kind_of_url_is_told_with_those_that_there_are():
    message = r"^Port usb://7 is no URL that pyserial opens \(.*'usb'.*\); such are rfc2217://"
    with pytest.raises(CannotOpenPort, match=message):
        open_port(Port("usb://7", 1_000_000))


def test_a_device_is_ours_alone_and_an_url_is_not_asked_to_be(monkeypatch):
    asked = []
    monkeypatch.setattr(serial, "Serial", lambda *_, **options: asked.append(options))
    monkeypatch.setattr(serial, "serial_for_url", lambda *_, **options: asked.append(options))
    open_port(Port("dev", 9600))
    open_port(Port("rfc2217://there:1", 9600))
    assert asked == [{"exclusive": True}, {}]


def test_ports_are_listed_with_the_interface_of_their_device(monkeypatch):
    def port(device, location):
        fields = {"vid": 0x403, "pid": 0x6010, "product": "P", "serial_number": "S"}
        return SimpleNamespace(device=device, location=location, **fields)

    listed = [port("b", "1-2.3:1.1"), port("a", "1-2.3:1.0"), port("c", None)]
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: listed)
    found = found_ports()
    assert [(one.name, one.interface) for one in found] == [("a", 0), ("b", 1), ("c", None)]
    assert found[0].title == "a (P, S)"
    chip = UsbChip(ids=FTDI_DUAL, uart=1)
    assert [one.leads_to(chip) for one in found] == [False, True, True]
    assert not found[1].leads_to(UsbChip(ids=FTDI_DUAL)), "its UART is on pins"


def test_the_port_at_which_a_core_answers_is_found():
    with at_terminal(None) as silent, at_terminal(CONFIG) as answering:
        candidates = [FoundPort(name=silent), FoundPort(name=answering)]
        assert find_port("icebreaker", candidates, RATE).name == answering
        assert ask(Port(answering, 1_000_000)) is None


def test_where_no_core_answers_each_port_is_listed_with_why(tmp_path):
    gone = str(tmp_path / "ttyUSB0")
    with at_terminal(None) as silent:
        candidates = [FoundPort(name=silent, product="iCEBreaker"), FoundPort(name=gone)]
        with pytest.raises(PortNotFound) as caught:
            find_port("icebreaker", candidates, RATE)
    first, *lines = str(caught.value).splitlines()
    assert first == (
        "icebreaker: no core answers at the ports that may be its; load its bitstream with `accel "
        "program BUILD`, or give --port, or port= in Python:"
    )
    assert lines[0] == f"    {silent} (iCEBreaker): no core answers; is its bitstream loaded?"
    assert re.match(rf"    {gone}: does not exist; ", lines[1])


def test_where_several_cores_answer_one_is_to_be_chosen():
    with at_terminal(CONFIG) as one, at_terminal(CONFIG) as other:
        candidates = [FoundPort(name=one, serial_number="A"), FoundPort(name=other)]
        with pytest.raises(PortNotFound) as caught:
            find_port("icebreaker", candidates, RATE)
    assert str(caught.value) == (
        "icebreaker: cores answer at several ports; choose one of them, with --port or port= in "
        "Python:\n"
        f"    {one} (A)\n    {other}"
    )
