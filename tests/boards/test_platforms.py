# amaranth: UnusedElaboratable=no
"""A board without a file: any platform of Amaranth, or one message that says what is missing."""

import re
import sys

import pytest

from accel.boards import PlatformOptions, UnusablePlatform, from_platform, icebreaker
from accel.boards._devices import DEVICES, ICE40HX8K, ICE40UP5K, LFE5U_25F
from accel.target import resources
from accel.target.bitstream import plan

ICEBREAKER = "amaranth_boards.icebreaker:ICEBreakerPlatform"
UPDUINO = "amaranth_boards.upduino_v2:UpduinoV2Platform"
VERSA_5G = "amaranth_boards.versa_ecp5_5g:VersaECP55GPlatform"
UART = "has no resource uart 0 with rx and tx; give two of the FPGA's pins with --uart RX,TX"
PINS = PlatformOptions(uart="4,3")


def test_a_board_that_has_a_file_is_the_same_by_its_platform():
    board, known = from_platform(ICEBREAKER, PlatformOptions()), icebreaker.BOARD
    for name in ("family", "device", "resources", "clock", "nextpnr_options"):
        assert getattr(board, name) == getattr(known, name), name
    # But where programs may lie in its flash is nowhere to be read.
    assert {**board.configuration, "flash_lanes": 4} == known.configuration
    assert board.flash is None


def test_pins_clock_and_light_are_those_that_were_asked_for():
    options = PlatformOptions(
        clock="clk12", clock_mhz=30, uart="4, 3", led="rgb_led/0/g", baud=9600
    )
    platform = "amaranth_boards.upduino_v3:UpduinoV3Platform"
    board = from_platform(platform, options)
    assert (board.clock.made_mhz, board.link.baud) == (30, 9600)
    files = plan(board, resources.configure(board)).files
    pins = dict(re.findall(r"^set_io (\w+)__io (\w+)$", files["top.pcf"], re.MULTILINE))
    assert pins["accel_uart_0__rx"] == "4"
    assert pins["accel_uart_0__tx"] == "3"
    assert pins["clk12_0"] == "20"
    assert pins["rgb_led_0__g"] == "39"


def test_a_board_that_nobody_here_ever_saw_has_a_plan():
    board = from_platform(VERSA_5G, PlatformOptions())
    assert board.device == "LFE5UM5G-45F-8BG381"
    assert "--um5g-45k" in plan(board, resources.configure(board)).place_and_route


@pytest.mark.parametrize("input_mhz", [12, 16, 25, 27, 48, 50, 100, 125])
@pytest.mark.parametrize("device", (ICE40UP5K, ICE40HX8K, LFE5U_25F), ids=lambda d: d.name)
def test_the_usual_clock_is_made_of_whatever_there_is(device, input_mhz, tmp_path, monkeypatch):
    board = from_platform(own_platform(tmp_path, monkeypatch, device.name, input_mhz), PINS)
    assert 0.7 * device.core_mhz < board.clock.made_mhz <= 1.01 * device.core_mhz


def own_platform(folder, monkeypatch, device, input_mhz=12, body=""):
    """A module in the current folder, as a user has it."""
    vendor = "LatticeICE40Platform" if device.startswith("iCE40") else "LatticeECP5Platform"
    package = {"iCE40HX8K": "CT256", "iCE40LP8K": "CM81"}.get(device, "SG48")
    (folder / "own_board.py").write_text(f"""
from amaranth.build import Clock, Pins, Resource
from amaranth.vendor import {vendor}

{body}

class Own({vendor}):
    device = {device!r}
    package = {package!r}
    speed = "6"
    default_clk = "clk"
    resources = [Resource("clk", 0, Pins("1", dir="i"), Clock({input_mhz}e6))]
    connectors = []

class Greedy(Own):
    def __init__(self, size):
        pass

class Still(Own):
    default_clk = None
""")
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "own_board", raising=False)
    return "own_board:Own"


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        (":", {}, "Platform must be module:Class as for an import, such as {icebreaker}, not ':'"),
        (
            "nowhere.at_all:Board",
            {},
            (
                "{spec}: there is no module 'nowhere.at_all'; write module:Class as for an import, "
                "such as {icebreaker}"
            ),
        ),
        (
            "amaranth_boards.icebreaker:Board",
            {},
            "{spec}: the module has no class 'Board'; it has ICEBreakerPlatform",
        ),
        (
            "accel.errors:UserError",
            {},
            (
                "{spec}: UserError is no platform of Amaranth; give a class with device, package "
                "and resources, as those of amaranth_boards"
            ),
        ),
        (
            "amaranth_boards.arty_a7:ArtyA7_35Platform",
            {},
            "{spec}: is a XilinxPlatform; cores are built for iCE40 and ECP5 alone",
        ),
        (
            "amaranth_boards.icestick:ICEStickPlatform",
            {},
            "{spec}: FPGA must be one of {devices}, not 'iCE40HX1K'",
        ),
        (UPDUINO, {}, "{spec}: " + UART),
        (UPDUINO, {"uart": "4"}, "{spec}: --uart must be two pins RX,TX, not '4'"),
        (UPDUINO, {"uart": "4,4"}, "{spec}: --uart must be two pins RX,TX, not '4,4'"),
        (
            UPDUINO,
            {"uart": "4,3"},
            (
                "{spec}: its default clock is the FPGA's own oscillator, too inaccurate for a "
                "UART; use --clock NAME with one of clk12, if that is connected on your board"
            ),
        ),
        (
            ICEBREAKER,
            {"clock": "led"},
            "{spec}: has no resource 'led' with a frequency; use --clock NAME with one of clk12",
        ),
        (
            ICEBREAKER,
            {"clock_mhz": 0},
            "{spec}: --clock-mhz must be 1 to 400, not 0",
        ),
        (
            ICEBREAKER,
            {"clock_mhz": float("nan")},
            "{spec}: --clock-mhz must be 1 to 400, not nan",
        ),
        (
            ICEBREAKER,
            {"clock_mhz": 300},
            (
                "{spec}: Clock of 300 MHz cannot be made from 12 MHz; the nearest is 270 MHz; use "
                "another --clock-mhz"
            ),
        ),
        (
            ICEBREAKER,
            {"led": "rgb/0/g"},
            (
                "{spec}: --led must be NAME, NAME/NUMBER or NAME/NUMBER/MEMBER of a resource, not "
                "'rgb/0/g'"
            ),
        ),
        (
            ICEBREAKER,
            {"led": "uart/0/gx"},
            (
                "{spec}: --led must be NAME, NAME/NUMBER or NAME/NUMBER/MEMBER of a resource, not "
                "'uart/0/gx'; its members are rx, tx"
            ),
        ),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_in_words(spec, options, message):
    known = {"spec": spec, "icebreaker": ICEBREAKER, "devices": ", ".join(DEVICES)}
    with pytest.raises(UnusablePlatform, match=f"^{re.escape(message.format(**known))}$"):
        from_platform(spec, PlatformOptions(**options))


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("Own", "import not_there", "the module asks for 'not_there', which is not installed"),
        ("Own", "1 / 0", "the module cannot be imported: ZeroDivisionError: division by zero"),
        (
            "Greedy",
            "",
            (
                "cannot be made without arguments: TypeError: Greedy.__init__() missing 1 required "
                "positional argument: 'size'"
            ),
        ),
        ("Still", "", "has no default clock; use --clock NAME with one of clk"),
    ],
    ids=str,
)
def test_faults_of_the_users_own_module_are_told(name, body, message, tmp_path, monkeypatch):
    own_platform(tmp_path, monkeypatch, "iCE40UP5K", body=body)
    with pytest.raises(UnusablePlatform, match=f"^own_board:{name}: {re.escape(message)}$"):
        from_platform(f"own_board:{name}", PINS)


def test_where_no_link_is_needed_none_is_asked_for():
    spec = "amaranth_boards.icebreaker_bitsy:ICEBreakerBitsyPlatform"
    assert from_platform(spec, PlatformOptions(), linked=False).device == "iCE40UP5K-SG48"
    with pytest.raises(UnusablePlatform, match="uart"):
        from_platform(spec, PlatformOptions())
