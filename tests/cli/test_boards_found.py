"""Boards that are connected are listed, and their ports are found."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest

import accel as project
from accel import usb
from accel.compiler.graph.interpreter import InvalidInput
from accel.host import ports
from accel.target.resources import configure

if os.name != "posix":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

from accel import boards
from accel.cli._boards_found import port_of
from accel.host.ports import PortNotFound
from tests.cli.conftest import MODEL
from tests.support.host.core_at_port import at_socket, at_terminal

ICEBREAKER = configure(boards.get("icebreaker"))


@pytest.fixture
def connected(monkeypatch):
    """What is on USB: devices of the system, and ports as pyserial lists them."""
    devices, listed = [], []
    monkeypatch.setattr(usb, "connected", lambda: devices)
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: listed)
    monkeypatch.setattr(ports, "PATIENCE", 0.05)

    def port(name, ids=(None, None), product=None, serial_number=None, location=None):
        numbers = {"vid": ids[0], "pid": ids[1], "serial_number": serial_number}
        listed.append(SimpleNamespace(device=name, product=product, location=location, **numbers))

    def device(ids, product=None, serial_number=None, usable=True):
        numbers = {"vid": ids[0], "pid": ids[1], "serial_number": serial_number}
        devices.append(usb.UsbDevice(product=product, place="1-1", usable=usable, **numbers))

    return SimpleNamespace(port=port, device=device)


FT2232, ORANGECRAB = (0x0403, 0x6010), (0x1209, 0x5AF0)


def test_doctor_lists_boards_with_their_ports(accel, connected):
    connected.device(FT2232, "iCEBreaker V1.0e", "ib1")
    connected.port("/dev/ttyUSB0", FT2232, "iCEBreaker V1.0e", "ib1")
    connected.port("/dev/ttyUSB1", FT2232, "iCEBreaker V1.0e", "ib1")
    connected.port("/dev/ttyUSB2", FT2232, "Dual RS232-HS")
    connected.device(ORANGECRAB, "OrangeCrab r0.2 DFU Bootloader", usable=False)
    connected.device((0x1D6B, 2), "xHCI Host Controller")
    connected.port("/dev/ttyS0")
    code, output, _ = accel("doctor", "--json", "-")
    assert code == 0
    listed = {one["product"]: one for one in json.loads(output)["boards"]}
    assert set(listed) == {
        "iCEBreaker V1.0e",
        "Dual RS232-HS",
        "OrangeCrab r0.2 DFU Bootloader",
    }
    assert listed["iCEBreaker V1.0e"] == {
        "boards": ["icebreaker"],
        "usb": "0403:6010",
        "product": "iCEBreaker V1.0e",
        "ports": ["/dev/ttyUSB0", "/dev/ttyUSB1"],
        "usable": True,
    }
    assert "icebreaker" in listed["Dual RS232-HS"]["boards"]
    assert "versa_ecp5" in listed["Dual RS232-HS"]["boards"]
    assert listed["OrangeCrab r0.2 DFU Bootloader"]["usable"] is False
    _, output, _ = accel("doctor")
    said = " ".join(output.replace("│", " ").split())
    assert "USB 0403:6010 iCEBreaker V1.0e /dev/ttyUSB0, /dev/ttyUSB1: icebreaker" in said
    assert "no serial port; this user may not program it, accel program says how" in said
    assert "orangecrab_r0_2_25f or" in said


def test_doctor_says_where_there_is_no_board(accel, connected):
    code, output, _ = accel("doctor")
    assert code == 0
    assert "boards on USB" in output
    for tool in ("iceprog", "openFPGALoader", "dfu-util", "fujprog", "tinyprog", "icesprog"):
        assert tool in output


def test_a_port_that_is_given_is_kept(connected):
    assert port_of(boards.get("icebreaker"), "anything") == "anything"


def test_a_port_is_found_by_the_boards_chip_and_its_core(connected):
    with at_terminal(ICEBREAKER) as core, at_terminal(None) as silent:
        connected.port(silent, FT2232, "Dual RS232-HS", location="1-1:1.1")
        connected.port(core, FT2232, "iCEBreaker V1.0e", location="1-2:1.1")
        connected.port("/dev/other", FT2232, "iCEBreaker V1.0e", location="1-2:1.0")
        connected.port("/dev/another", (0x0403, 0x6015), "ULX3S FPGA 85K")
        assert port_of(boards.get("icebreaker"), None) == core


def test_without_a_port_of_the_board_those_that_there_are_are_listed(connected):
    connected.port("/dev/ttyS0")
    with pytest.raises(PortNotFound) as caught:
        port_of(boards.get("icebreaker"), None)
    assert str(caught.value) == (
        "icebreaker: no serial port is on a USB device 0403:6010; plug the board in, or give "
        "--port, or port= in Python; ports here are /dev/ttyS0"
    )
    with pytest.raises(
        PortNotFound, match=r"orangecrab_r0_2_25f: its link is on pins, to an adapter .*N17"
    ):
        port_of(boards.get("orangecrab_r0_2_25f"), None)


def test_a_run_on_a_board_finds_its_port(accel, refused, connected, digits, tmp_path):
    words = ("run", MODEL, "-i", digits, "-o", tmp_path / "y.npy", "-e", "board")
    assert refused(*words).startswith("icebreaker: no serial port is on a USB device 0403:6010")
    assert refused("load", tmp_path / "no.bin").startswith(f"{tmp_path / 'no.bin'}: ")


def test_from_python_a_port_is_found_as_by_commands(refused, connected, digits, tmp_path):
    inputs = np.load(digits)
    with project.compile(MODEL, board="icebreaker") as program:
        words = ("run", MODEL, "-i", digits, "-o", tmp_path / "y.npy", "-e", "board")
        for call in (
            lambda: program.run(inputs, "board"),
            lambda: next(program.stream([inputs[:1]], "board")),
        ):
            with pytest.raises(PortNotFound) as caught:
                call()
            assert str(caught.value) == refused(*words)
        with pytest.raises(InvalidInput):  # is said before anything is looked for
            program.run(inputs[..., :1, :1], "board")
        with at_terminal(ICEBREAKER) as core, at_terminal(None) as silent:
            for name in (silent, core):
                connected.port(name, FT2232, "iCEBreaker V1.0e")
            found = program.run(inputs, executor="board")
            (answer,) = program.stream([inputs[:1]], "board")
        assert np.array_equal(found.output, program.run(inputs).output)
        assert np.array_equal(answer.output, found.output[:1])


def test_a_program_is_loaded_over_an_url(accel, tmp_path):
    from tests.cli.conftest import MODEL

    assert accel("compile", MODEL, "-o", tmp_path / "p")[0] == 0
    with at_socket(ICEBREAKER) as url:
        code, output, errors = accel("load", tmp_path / "p/program.bin", "--port", url)
    assert code == 0, errors
    assert f"over {url} at 1,000,000 baud" in output
