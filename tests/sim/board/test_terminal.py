"""Any program opens a simulated board's port, one after the other, at any rate."""

import os
from contextlib import closing
from pathlib import Path

import pytest

import accel
from accel.host.driver import Driver
from accel.sim.rtl.compiled import CompiledCore

if os.name != "posix":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

from accel.host.serial import Port, SerialTransport
from accel.sim.board import terminal
from accel.sim.board.terminal import CannotLink, NoPseudoTerminals, TerminalBoard, linked

CONFIG = accel.AcceleratorConfig()
DATA = bytes(range(256)) * 8

# What compiles the same RTL stays in one process.
pytestmark = pytest.mark.xdist_group("serial")


@pytest.fixture
def board():
    with TerminalBoard(CompiledCore(CONFIG)) as board:
        yield board


@pytest.mark.parametrize("baud", [9600, 115_200])
def test_one_program_after_the_other_finds_the_core_and_its_memory(board, baud):
    for data in (DATA, DATA[::-1]):
        with closing(SerialTransport(Port(board.port, baud, fastest=1_000_000))) as transport:
            driver = Driver(transport, CONFIG)
            driver.connect()
            driver.write(0, 0, data)
            assert driver.read(0, 0, len(data) // CONFIG.rows) == data
            assert driver.retries == 0


def test_a_board_that_nobody_uses_answers_when_it_is_used_again(board, monkeypatch):
    monkeypatch.setattr(terminal, "_QUIET_CYCLES", 1000)
    assert board.wait(0.2)
    assert board.cycles_quiet > 1000
    with closing(SerialTransport(Port(board.port, 115_200))) as transport:
        Driver(transport, CONFIG).connect()
    board.unplug()
    assert not board.wait(0)


def test_a_link_leads_to_the_port_while_the_board_runs(tmp_path):
    link = tmp_path / "board"
    link.symlink_to("nowhere")  # of a board that was killed
    with linked("/dev/null", link):
        assert os.readlink(link) == "/dev/null"
    assert not link.is_symlink()


def test_a_link_that_somebody_else_has_made_meanwhile_stays(tmp_path):
    link = tmp_path / "board"
    with linked("/dev/null", link):
        link.unlink()
        link.symlink_to("/dev/zero")
    assert os.readlink(link) == "/dev/zero"


def test_a_file_is_not_replaced_by_a_link_nor_a_folder_made(tmp_path):
    file = tmp_path / "file"
    file.write_text("kept")
    with pytest.raises(CannotLink, match=r"is there and is no symbolic link; give another --link$"):
        linked("/dev/null", file).__enter__()
    assert file.read_text() == "kept"
    with pytest.raises(CannotLink, match=r": cannot be made: No such file or directory; give "):
        linked("/dev/null", tmp_path / "no" / "board").__enter__()
    assert list(Path(tmp_path).iterdir()) == [file]


def test_a_system_without_pseudo_terminals_is_told_what_does_the_same(monkeypatch):
    monkeypatch.delattr(os, "openpty")
    with pytest.raises(NoPseudoTerminals, match="use --port sim"):
        TerminalBoard(CompiledCore(CONFIG))
