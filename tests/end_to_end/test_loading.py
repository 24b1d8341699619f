"""Another program for a core that is there takes as long as its bytes take on the line."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import accel
from accel import boards
from accel.cli import app
from accel.compiler.program.program_file import load_program
from accel.config import FLASH
from accel.host.driver import Driver, WrongCore
from accel.host.loading import load
from accel.host.serial import BITS_PER_BYTE, Port, SerialTransport
from accel.sim.rtl.compiled import CompiledCore
from tests.support.networks.small import two_convolutions
from tests.support.shared import shared

if os.name != "posix":
    pytest.skip("has no pseudo-terminals", allow_module_level=True)

from tests.support.host.serial_board import BAUD, SimulatedBoard

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits/digits_int8.tflite"
CONFIG = accel.AcceleratorConfig()


def saved(program, folder, name="program.bin") -> Path:
    program.save(folder / name)
    return folder / name


def assert_loaded(image, transport):
    driver = Driver(transport, image.config)
    driver.connect()
    for chunk in image.contents:
        words = len(chunk.data) // image.config.rows
        assert driver.read(chunk.bank, chunk.address, words) == chunk.data


@pytest.mark.xdist_group("serial")
def test_the_command_loads_one_program_after_the_other(tmp_path):
    board = SimulatedBoard(CONFIG)
    try:
        for model in (two_convolutions(), DIGITS):
            path = saved(accel.compile(model, config=CONFIG), tmp_path)
            command = ["load", str(path), "--port", board.port, "--baud", str(BAUD), "--json", "-"]
            result = CliRunner().invoke(app, command)
            assert result.exit_code == 0, result.output
            image = load_program(path)
            size = sum(len(chunk.data) for chunk in image.contents)
            assert f"Loaded {image.name}: {size:,} bytes in " in result.stderr
            answer = json.loads(result.stdout)
            assert (answer["program"], answer["bytes"], answer["baud"]) == (image.name, size, BAUD)
        transport = SerialTransport(Port(board.port, BAUD))
        assert_loaded(image, transport)
        transport.close()
    finally:
        board.unplug()


@pytest.mark.xdist_group("serial")
def test_a_program_for_another_core_is_refused_before_it_is_loaded(tmp_path):
    other = accel.compile(two_convolutions(), config=CONFIG.replace(sum_bits=25))
    with pytest.raises(WrongCore, match=r"^Core is a 4x4 array .* of another build"):
        load(load_program(saved(other, tmp_path)), CompiledCore(CONFIG))


@pytest.mark.xdist_group("icebreaker")
def test_keyword_spotting_is_in_the_icebreaker_within_a_second(tmp_path):
    """The line's time at the board's rate, and the driver's own with a line that takes none."""
    model = shared("models/mlperf_tiny/kws01_dscnn_int8.tflite")
    program = accel.compile(model, board="icebreaker")
    image = load_program(saved(program, tmp_path))
    core = CompiledCore(image.config)
    done = load(image, core)
    assert done.size == sum(len(c.data) for c in image.contents if c.bank != FLASH)
    on_the_line = done.sent * BITS_PER_BYTE / boards.get("icebreaker").link.baud
    assert on_the_line < 0.5
    assert done.seconds < 1  # with the simulation of the core
    assert_loaded(image, core)
    print(f"{done.sent} bytes, {on_the_line:.3f} s on the line, {done.seconds:.3f} s of simulation")


def test_what_is_no_program_is_told(tmp_path):
    (tmp_path / "program.bin").write_bytes(np.arange(99, dtype=np.uint8).tobytes())
    result = CliRunner().invoke(app, ["load", str(tmp_path / "program.bin"), "--port", "none"])
    assert result.exit_code == 2
    assert "program.bin: is not a program file; compile the network again" in result.output
    path = saved(accel.compile(two_convolutions(), config=CONFIG), tmp_path)
    result = CliRunner().invoke(app, ["load", str(path), "--port", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "none does not exist; " in result.output
