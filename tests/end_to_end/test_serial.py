"""The driver and a core talk over a serial line: UARTs in RTL, a pseudo-terminal, pyserial.

Bytes that get lost or come from nowhere cost time and never an answer.
"""

import contextlib
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import accel
from accel.cli import app
from accel.host.driven_core import DrivenCore
from accel.host.driver import WrongCore
from accel.host.exchange import PERSISTENCE, LinkError
from accel.host.runner import run
from accel.host.serial import Port, SerialTransport
from accel.protocol import ACKNOWLEDGEMENT_BYTES, CRC_BYTES, HEADER_BYTES, INFO_BYTES
from accel.sim.compare import assert_same
from tests.support.host.fake_core import Line
from tests.support.networks.small import images, overwriting, two_convolutions

if os.name != "posix":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

from tests.support.host.serial_board import BAUD, SimulatedBoard

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"
CONFIG = accel.AcceleratorConfig()
SECONDS = 60  # that a test may take; the simulated line is slow
CONNECT = 2 * HEADER_BYTES  # bytes to the core before the program
FOUND = ACKNOWLEDGEMENT_BYTES + INFO_BYTES + 6  # bytes of the core before that
CHUNKS, CHUNK = 2, 263  # chunks, and bytes of the frame of one
OK = ACKNOWLEDGEMENT_BYTES
LOADED = CONNECT + CHUNKS * CHUNK

# What compiles the same RTL stays in one process.
pytestmark = pytest.mark.xdist_group("serial")


@pytest.fixture(scope="module", autouse=True)
def simulator():
    """Compiled before the clock of a test starts."""
    SimulatedBoard(CONFIG).unplug()


@pytest.fixture(autouse=True)
def limit():
    """No test hangs."""

    def stop(*_):
        raise TimeoutError(f"test takes more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def board():
    board = SimulatedBoard(CONFIG)
    yield board
    board.unplug()


@pytest.fixture(scope="module")
def program():
    return accel.compile(two_convolutions(), config=CONFIG)


@contextlib.contextmanager
def connected(board):
    """A transport that loses its patience as soon as the simulation allows."""
    transport = SerialTransport(Port(board.port, BAUD), patience=0.4, quiet=0.1)
    with contextlib.closing(transport):
        yield transport


def answers(program, board, inputs, keep=None):
    with connected(board) as transport:
        core = DrivenCore(program.code, transport)
        return core, run(program.code, core, inputs, keep)


def test_every_layer_equals_the_machine_and_the_core_counts_what_the_model_says(board):
    program = accel.compile(DIGITS / "digits_int8.tflite", config=CONFIG)
    inputs = np.load(DIGITS / "test_images.npz")["x"][:2]
    done = []
    link = {"port": board.port, "baud": BAUD}
    answer = program.run(inputs, "board", layers=True, progress=done.append, **link)
    assert_same(answer, program.run(inputs, "machine", layers=True))
    assert done == [1, 2]
    assert answer.report.measured
    assert answer.report.cycles == answer.report.cycles_model


def test_a_core_that_has_run_takes_the_next_program(board, program):
    longer = accel.compile(DIGITS / "digits_int8.tflite", config=CONFIG)
    for other, inputs in ((program, images(2)), (longer, np.zeros((1, 8, 8, 1), np.int8))):
        _, answer = answers(other, board, inputs)
        assert_same(answer, other.session.execute("machine", inputs).tensors)


def test_the_command_says_that_a_board_counted(board, tmp_path):
    model, inputs = DIGITS / "digits_int8.tflite", np.zeros((1, 8, 8, 1), np.int8)
    np.save(tmp_path / "x.npy", inputs)
    files = ["-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy", "--set", "family=generic"]
    files += ["--set", "flash_lanes=0", "--set", f"sum_bits={CONFIG.sum_bits}"]
    link = ["--executor", "board", "--port", board.port, "--baud", BAUD]
    result = CliRunner().invoke(app, [str(a) for a in ("run", model, *files, *link)])
    assert result.exit_code == 0, result.output
    assert "counted on the board" in result.stdout
    expected = accel.compile(model).run(inputs, "reference").output
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected)


def test_a_core_of_another_build_is_refused_before_it_is_loaded(board):
    other = accel.compile(two_convolutions(), config=CONFIG.replace(sum_bits=25))
    message = "^Core is a 4x4 array with 8-bit weights of another build than the program's 4x4;"
    with pytest.raises(WrongCore, match=message):
        other.run(images(1), "board", port=board.port, baud=BAUD)
    assert board.to_core.count == CONNECT


def test_a_cable_that_is_pulled_midway_is_told_and_the_next_run_goes(board, program):
    def pull(done):
        if done == 2:
            board.unplug()

    with pytest.raises(LinkError, match=f"^Port {board.port} went away .*plug the board in"):
        program.run(images(3), "board", port=board.port, baud=BAUD, progress=pull)
    again = SimulatedBoard(CONFIG)
    answer = program.run(images(3), "board", port=again.port, baud=BAUD)
    again.unplug()
    assert_same(answer, program.run(images(3), "machine"))


SPOILT = {
    "garbage before the identity": (Line(), Line(extra={0: b"\x00ready\r\n"})),
    "garbage that looks like an answer": (Line(), Line(extra={0: b"\xa5" * 40})),
    "garbage before a chunk's answer": (Line(), Line(extra={FOUND + 1: b"\x00\xff"})),
    "a byte of the request for the identity lost": (Line({9}), Line()),
    "a byte of the identity lost": (Line(), Line({20})),
    "a byte of a chunk's header lost": (Line({CONNECT + 3}), Line()),
    "a byte of a chunk lost": (Line({CONNECT + 100}), Line()),
    "twenty bytes of a chunk lost": (Line(range(CONNECT + 100, CONNECT + 120)), Line()),
    "bytes of a chunk from nowhere": (Line(extra={CONNECT + 99: b"\x01\x02\x03"}), Line()),
    "a byte of the input lost": (Line({LOADED + 50}), Line()),
    "the answer to the run lost": (Line(), Line(range(FOUND + 4 * OK, FOUND + 4 * OK + 90))),
    "a byte of the counters lost": (Line(), Line({FOUND + 4 * OK + 10})),
    "a byte of the result lost": (Line(), Line({FOUND + 4 * OK + 30})),
}


@pytest.fixture(scope="module")
def programs(program):
    """One takes the next input while it runs; the other writes its output over its input."""
    return {"early": program, "overwriting": accel.compile(overwriting(), config=CONFIG)}


@pytest.mark.parametrize("name", ["early", "overwriting"])
@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_frame_costs_no_answer(case, name, board, programs):
    board.to_core, board.to_host = (Line(line.lost, line.extra) for line in SPOILT[case])
    program = programs[name]
    core, answer = answers(program, board, images(2))
    assert_same(answer, program.session.execute("machine", images(2)).tensors)
    assert 1 <= core.driver.retries <= 2
    assert core.total.cycles == sum(layer.cycles for layer in program.cycles)


def test_one_program_writes_over_its_input_and_the_other_takes_the_next_one_early(programs):
    """Else the test above would notice neither a run that is repeated nor an input too early."""
    early, overwriting = (programs[name].code for name in ("early", "overwriting"))
    assert [(piece.tensor, piece.after) for piece in early.pieces] == [("x", 0)]
    source, output = overwriting.placement("x"), overwriting.placement("t2")
    assert (source.bank, source.address) == (output.bank, output.address)
    for code in (early, overwriting):
        sizes = [HEADER_BYTES + len(chunk.data) + CRC_BYTES for chunk in code.chunks]
        assert sizes == [CHUNK] * CHUNKS


def test_a_line_that_spoils_every_frame_is_told(board, program):
    board.to_core = Line(lost=range(CONNECT + 1, 1 << 30, 50))
    with pytest.raises(LinkError, match=rf"^Core .*, {PERSISTENCE} times; check the cable"):
        answers(program, board, images(1))


def test_a_board_without_a_core_is_told(board, program):
    board.to_core = Line(lost=range(1 << 30))
    message = "^Core did not answer, 4 times; check the cable, the baud rate and the bitstream: "
    with pytest.raises(LinkError, match=message):
        answers(program, board, images(1))
