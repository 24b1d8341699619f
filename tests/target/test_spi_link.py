"""A core may have a link over SPI in place of a board's UART."""

import dataclasses

import pytest

from accel import boards
from accel.boards import SpiWires
from accel.target.bitstream import PinsTaken, plan
from accel.target.resources import configure

SPARE = {"icebreaker": None, "ulx3s_85f": SpiWires(sck="B11", copi="A10", cipo="C11", cs="A11")}


def plan_on(name, spi):
    board = boards.get(name)
    return plan(board, configure(board, rows=4, columns=4, requantizers=1), spi=spi or board.spi)


@pytest.mark.parametrize("name", SPARE)
def test_the_pins_are_those_of_spi_and_none_of_the_uart(name):
    wires = SPARE[name] or boards.get(name).spi
    made = plan_on(name, wires)
    (constraints,) = (text for file, text in made.files.items() if file.endswith((".pcf", ".lpf")))
    for pin in dataclasses.astuple(wires):
        assert f" {pin}\n" in constraints or f'"{pin}"' in constraints
    assert "uart" not in constraints
    link = made.files["top.il"].split("module \\top.link\n")[1].split("\nend")[0]
    assert {"\\sck", "\\copi", "\\cipo"} <= set(link.split())
    assert "\\rx" not in link


def test_without_it_nothing_changes():
    board = boards.get("icebreaker")
    constraints = plan(board, configure(board)).files["top.pcf"]
    assert "uart" in constraints and "accel_spi" not in constraints


def test_pins_that_something_else_is_on_are_refused_by_name():
    taken = SpiWires(sck="45", copi="2", cipo="47", cs="16")  # the flash's select
    with pytest.raises(PinsTaken, match=r"^icebreaker: SPI must have pins of its own.*16"):
        plan_on("icebreaker", taken)
