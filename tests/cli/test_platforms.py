"""A board given as module:Class, from the command line."""

import json

import numpy as np
import pytest

import accel as package
from accel.boards import UnknownBoard
from accel.compiler.program.program_file import load_program
from tests.cli.conftest import MODEL

# It has no UART: what does not talk to it does not ask for one.
NO_FLASH = ("--board", "icebreaker", "--set", "flash_lanes=0")
BITSY = "amaranth_boards.icebreaker_bitsy:ICEBreakerBitsyPlatform"


def test_check_compile_and_run_take_any_platform(accel, digits, tmp_path):
    code, output, _ = accel("check", MODEL, "--board", BITSY)
    assert code == 0
    assert f"{BITSY}: 4x4 int8 on iCE40UP5K-SG48" in output
    assert f"logic: known from accel build --board {BITSY}" in output
    out = tmp_path / "program"
    code, output, _ = accel("compile", MODEL, "--board", BITSY, "-o", out)
    assert code == 0
    assert json.loads((out / "layers.json").read_text())["board"] == BITSY
    known = tmp_path / "known"
    assert accel("compile", MODEL, *NO_FLASH, "-o", known)[0] == 0
    images = [load_program(folder / "program.bin") for folder in (out, known)]
    data = [[chunk.data for chunk in image.contents] for image in images]
    assert data[0] == data[1]  # but the board's name
    answers = tmp_path / "y.npy"
    assert accel("run", MODEL, "-b", BITSY, "-i", digits, "-o", answers)[0] == 0
    assert np.load(answers).shape == (2, 10)


def test_build_asks_for_pins_where_there_is_no_uart(refused, tmp_path, fake_tool):
    command = ("build", "--board", BITSY, "-o", tmp_path / "out")
    said = refused(*command)
    assert said == (
        f"{BITSY}: has no resource uart 0 with rx and tx; give two of the FPGA's pins with "
        "--uart RX,TX"
    )
    fake_tool("yosys", "print('ERROR: enough')\nsys.exit(1)")
    said = refused(*command, "--uart", "4,3", "--clock-mhz", "30", code=1)
    assert said.startswith("synthesis: yosys failed; ")
    assert "ERROR: enough" in said


def test_what_describes_a_platform_is_not_for_a_board_that_has_a_file(refused, tmp_path):
    said = refused(
        *("build", "--board", "icebreaker", "-o", tmp_path / "out"),
        *("--clock-mhz", "30", "--uart", "4,3"),
    )
    assert said == (
        "--clock-mhz, --uart: is for a board given as module:Class; icebreaker's are in its file"
    )


def test_a_platform_that_cannot_be_used_is_one_message(refused, tmp_path):
    for command in (("check", MODEL), ("compile", MODEL, "-o", tmp_path / "out")):
        said = refused(*command, "--board", "amaranth_boards.icestick:ICEStickPlatform")
        assert said.startswith("amaranth_boards.icestick:ICEStickPlatform: FPGA must be one of ")
        assert said.endswith(", not 'iCE40HX1K'")


def test_only_the_command_line_has_modules_run(tmp_path, monkeypatch):
    """From Python a name is looked up, and nothing is imported for it."""
    (tmp_path / "never_run.py").write_text("raise SystemExit('was run')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownBoard):
        package.compile(MODEL, board="never_run:Board")
