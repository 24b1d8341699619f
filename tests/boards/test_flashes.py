# amaranth: UnusedElaboratable=no
"""Where a board has a flash for programs, a core can be built that reads it."""

import re

import pytest

from accel import boards
from accel.target import resources
from accel.target.bitstream import plan

WITH_FLASH = [name for name, board in boards.BOARDS.items() if board.flash]
# Of the FPGAs, the bytes of a bitstream that is not compressed
BITSTREAMS = {
    "iCE40UP5K": 104_161,
    "iCE40HX8K": 135_183,
    "iCE40LP8K": 135_183,
    "12F": 582_343,
    "25F": 582_343,
    "45F": 1_032_299,
    "85F": 1_927_699,
}


@pytest.mark.parametrize("name", WITH_FLASH)
def test_its_resources_are_the_platforms(name):
    flash, platform = boards.get(name).flash, boards.get(name).platform()
    for lanes, resource in flash.data_lines.items():
        found = {sub.name: sub.ios[0].names for sub in platform.lookup(resource, 0).ios}
        assert len(found["dq"]) == lanes if lanes > 1 else {"copi", "cipo"} <= found.keys()
        assert "cs" in found


@pytest.mark.parametrize("name", WITH_FLASH)
def test_programs_lie_after_the_bitstream(name):
    board = boards.get(name)
    (size,) = (size for device, size in BITSTREAMS.items() if device in board.device.split("-"))
    assert board.flash.offset > board.flash.bitstream + size
    assert board.flash.room is None or board.flash.room >= 1 << 19
    assert "program.bin" in board.how_to_write_program("program.bin")


@pytest.mark.parametrize("name", WITH_FLASH)
def test_four_lanes_come_with_what_enables_them(name):
    """The programmer that writes the flash, where it can; else one is told what else will do."""
    board = boards.get(name)
    said = board.how_to_enable_quad()
    tool, *_, words = board.how_to_write_program("program.bin").split(maxsplit=1)
    if tool == "iceprog":
        assert said == "iceprog -Q"
    elif tool == "openFPGALoader":
        assert said == f"openFPGALoader -b {words.split()[1]} --enable-quad"
    else:
        assert "quad-enable bit" in said and "--set flash_lanes=2" in said


@pytest.mark.parametrize(
    ("name", "lanes", "cells"),
    [
        ("icebreaker", 4, "SB_IO"),
        ("upduino_v3", 2, "SB_IO"),
        ("ulx3s_25f", 1, "USRMCLK"),
        ("orangecrab_r0_2_85f", 4, "USRMCLK"),
    ],
)
def test_a_core_that_reads_it_has_a_plan(name, lanes, cells):
    board, sizes = boards.get(name), {"rows": 2, "columns": 2, "requantizers": 1}
    text = plan(board, resources.configure(board, flash_lanes=lanes, **sizes)).files["top.il"]
    text = text if isinstance(text, str) else text.decode()
    assert re.search(rf"cell \\{cells} ", text)


def test_data_lines_that_are_not_wired_are_refused_with_those_that_are():
    board = boards.get("fomu_pvt")
    (problem,) = resources.problems(resources.configure(board, flash_lanes=4), board)
    assert problem == (
        "the core reads a flash on 4 data lines, fomu_pvt has at most 2 of them wired"
    )
