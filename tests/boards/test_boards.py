# amaranth: UnusedElaboratable=no
"""Every board is whole: found by name, plannable without a tool, and true to its device."""

import dataclasses
import json
import re
import zlib
from pathlib import Path

import pytest
from amaranth.hdl import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from accel import boards
from accel.core.board_top import BoardTop
from accel.core.host_link.uart import Uart
from accel.core.link_signatures import LineRate
from accel.flow.build import build
from accel.flow.plan import make_plan
from accel.target import resources
from tests.support.documents.boards import builds

RESULTS = json.loads((Path(__file__).resolve().parents[2] / "boards/results.json").read_text())

every_board = pytest.mark.parametrize("name", boards.BOARDS)


class Echo(wiring.Component):
    """A core that answers with what it hears."""

    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))
    running: Out(1)
    rate: Out(LineRate())

    def elaborate(self, platform):
        m = Module()
        wiring.connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        return m


def plan_of(board):
    top = BoardTop(
        Echo(),
        clock=board.clock,
        uart=(board.link.resource, board.link.number),
        baud=board.link.baud,
        led=board.led,
        usb=board.usb,
        held_high=board.held_high,
    )
    return make_plan(
        board.platform(),
        top,
        clock_mhz=board.clock.made_mhz,
        seeds=board.seeds,
        nextpnr_options=board.nextpnr_options,
    )


def module(text: str, name: str) -> str:
    """A module of RTLIL, by its name without the number that makes it the only one."""
    return re.search(
        rf"^module \\{re.escape(name)}(\$\d+)?\n.*?^end$", text, re.MULTILINE | re.DOTALL
    )[0]


@every_board
def test_a_board_is_called_as_its_file_is(name):
    assert boards.get(name).name == name


@every_board
def test_a_plan_is_made_without_any_tool(name, monkeypatch):
    monkeypatch.setenv("PATH", "")
    board = boards.get(name)
    plan = plan_of(board)
    assert plan.seeds == board.seeds
    assert len(plan.digest()) == 32


@every_board
def test_registers_have_a_reset_or_their_clock_waits(name):
    board = boards.get(name)
    text = plan_of(board).files["top.il"]
    gated = board.family == "ecp5"
    assert text.count("cell \\DCCA ") == gated
    link = text.split("module \\top.link\n")[1].split("\nend")[0]
    assert bool(re.search(r"wire .* input .* \\rst\n", link)) != gated


# One of each kind of clock; every board's whole core is in boards/results.json.
@pytest.mark.parametrize("name", ["icebreaker", "tinyfpga_bx", "ulx3s_25f"])
def test_clock_and_resources_are_those_of_a_real_build(name, tmp_path):
    board = boards.get(name)
    plan = dataclasses.replace(plan_of(board), seeds=(1,))
    report = build(plan, tmp_path / "build").report
    # Two where the clock is gated: the reset's counter has it as it comes.
    clocks = [
        clock["signed_off_mhz"]
        for clock in report["clocks"].values()
        # nextpnr rounds the periods of input, oscillator and output on the way.
        if clock["constraint_mhz"] == pytest.approx(board.clock.made_mhz, rel=2e-3)
    ]
    assert len(clocks) == 1 + (board.family == "ecp5")
    assert min(clocks) == report["fmax_mhz"]["signed_off"]
    assert report["clock_mhz"] == board.clock.made_mhz
    assert report["timing_met"]
    available = {name: use["available"] for name, use in report["utilization"].items()}
    assert dict(board.resources).items() <= available.items()


@pytest.mark.parametrize("name", RESULTS)
def test_the_default_core_was_placed_and_routed_as_it_is_now(name):
    """Else run examples/boards/place_and_route.py, and renew the table of boards/README.md from
    it."""
    board, made = boards.get(name), RESULTS[name]
    assert resources.is_of(made, board), "placed and routed as it was before"
    assert made["timing_met"] and made["fmax_mhz"]["signed_off"] >= board.clock.made_mhz
    used = made["used"]
    assert all(used.get(what, 0) <= there for what, there in board.resources.items())
    needed = resources.needs(resources.configure(board))
    assert {what: n for what, n in needed.items() if n}.items() <= used.items()


@every_board
def test_a_board_without_a_record_is_said_to_have_none_and_needs_no_more_than_there_is(name):
    (row,) = (line for line in builds().splitlines() if line.startswith(f"| `{name}` |"))
    assert ("not placed yet" in row) == (name not in RESULTS)
    board = boards.get(name)
    config = resources.configure(board)
    assert not resources.problems(config, board)
    needed = resources.needs(config)
    assert all(needed.get(what, 0) <= there for what, there in board.resources.items())


def test_a_record_is_of_one_core_one_device_and_one_clock():
    board = boards.get("icebreaker")
    made = {
        "device": board.device,
        "clock_mhz": board.clock.made_mhz,
        "configuration": resources.configure(board).as_dict(),
    }
    assert resources.is_of(made, board)
    assert resources.is_of(made, dataclasses.replace(board, title="another", seeds=(9,)))
    changes = [
        {"device": "iCE40UP5K-UWG30"},
        {"configuration": {**board.configuration, "weight_steps": 1024}},
        {"clock": dataclasses.replace(board.clock, output_mhz=30)},
    ]
    assert not any(resources.is_of(made, dataclasses.replace(board, **c)) for c in changes)
    del made["configuration"]["flash_lanes"]
    assert not resources.is_of(made, board)
    lacking = dataclasses.replace(board, configuration={**board.configuration, "flash_lanes": 0})
    assert resources.is_of(made, lacking)


def test_there_is_no_record_of_a_board_that_is_not_there():
    assert set(RESULTS) <= set(boards.BOARDS)


@every_board
def test_the_usb_port_that_the_fpga_drives_itself_is_left_disconnected(name):
    """A host would else see a device that does not answer."""
    board = boards.get(name)
    own = {("usb", 0)} & set(board.platform().resources)
    # The iCESugar's is a header; the ULX3S's is the second of two.
    assert board.usb == next(iter(own), None) or name == "icesugar" or name.startswith("ulx3s")
    driven = [line for line in plan_of(board).files["top.il"].splitlines() if "pullup" in line]
    assert bool(driven) == (board.usb is not None)


@pytest.mark.parametrize("name", [name for name in boards.BOARDS if name.startswith("ulx3s")])
def test_the_esp32_of_a_ulx3s_is_told_to_keep_its_hands_off(name):
    """It loads another bitstream where its GPIO 0 is low for a second."""
    files = plan_of(boards.get(name)).files
    assert 'LOCATE COMP "wifi_gpio0_0__io" SITE "L2";' in files["top.lpf"]
    pad = module(files["top.il"], "top.wifi_gpio0_0")
    assert re.search(r"^connect \\o\$1 1'1$", pad, re.MULTILINE)
    assert "OFS1P3DX" not in pad


@pytest.mark.parametrize(
    "name", [name for name, board in boards.BOARDS.items() if board.family == "ecp5"]
)
def test_the_line_to_the_host_is_high_from_the_configuration_on(name):
    """The pad follows a register that is set by the configuration, for its clock comes later."""
    text = plan_of(boards.get(name)).files["top.il"]
    pad = module(text, "top.tx")
    assert "uart_0__tx__io" in pad and "OFS1P3DX" not in pad
    transmitter = module(text, "top.link.transmitter")
    assert re.search(r"attribute \\init 1'1\n\s*wire .*output \d+ *\\tx\n", transmitter)


@every_board
def test_a_plan_is_the_same_every_time(name):
    assert plan_of(boards.get(name)).digest() == plan_of(boards.get(name)).digest()


@every_board
def test_the_link_runs_at_the_rate_that_it_says(name):
    board = boards.get(name)
    uart = Uart(clock_hz=board.clock.made_mhz * 1e6, baud=board.link.baud)
    assert uart.made_baud == pytest.approx(board.link.baud, rel=0.02)


@every_board
def test_the_device_is_that_of_the_platform(name):
    board = boards.get(name)
    platform = board.platform()
    assert board.device.lower().startswith(platform.device.lower())
    assert platform.package.lower() in board.device.lower()
    assert platform.lookup(board.clock.pin).clock.frequency == board.clock.input_mhz * 1e6


@pytest.mark.parametrize(
    ("name", "hint"),
    [("icebraker", "; did you mean 'icebreaker'?"), ("ULX3S-85F", "; did you mean 'ulx3s_85f'?")],
)
def test_an_unknown_board_names_those_there_are(name, hint):
    message = f"Board must be one of {', '.join(boards.BOARDS)}, not {name!r}{hint}"
    with pytest.raises(boards.UnknownBoard, match=f"^{re.escape(message)}$"):
        boards.get(name)


def facts(board) -> list[str]:
    """What is said of a board; of many places only how many, and a number that all of them make."""
    rows = {
        name: f"{len(found)} of {sum(map(len, found))}, {zlib.crc32(repr(found).encode()):08x}"
        for name in ("dsp_rows", "ebr_rows")
        if (found := getattr(board, name))
    }
    said = {
        "device": f"{board.family} {board.device}",
        "resources": dict(board.resources),
        "core": dict(board.configuration),
        "clock": f"{board.clock.made_mhz:.6g} MHz",
        "link": board.link,
        "place and route": f"{' '.join(board.nextpnr_options)}, seeds {board.seeds}",
        "flash": board.flash,
        "programmers": [one.tool.name for one in board.programmers],
        "USB": board.usb_chip,
        **rows,
    }
    return [f"  {name}: {value}" for name, value in said.items()]


def test_what_is_said_of_boards_changes_only_on_purpose(golden):
    lines = []
    for name, board in boards.BOARDS.items():
        lines += [name, *facts(board)]
    golden("boards.txt", "\n".join(lines) + "\n")


@every_board
def test_no_seed_is_tried_twice(name):
    seeds = boards.get(name).seeds
    assert len(set(seeds)) == len(seeds) >= 2
