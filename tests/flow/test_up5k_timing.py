"""The table of the UltraPlus's hard cells against the data it was taken from."""

import math
import re
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from accel.flow.delays import Cell, Delays
from accel.flow.sta import longest_paths
from accel.flow.up5k_timing import INTERNAL, TIMING, with_real_delays

VENDOR_CELLS = {
    "ICESTORM_DSP": "SB_MAC16_MUL_S_8X8_ALL_PIPELINE",
    "ICESTORM_SPRAM": "SB_SPRAM256KA",
    "ICESTORM_RAM": "SB_RAM40_4K",
    "ICESTORM_LC": "LogicCell40",
}


@pytest.fixture(scope="module")
def icestorm():
    """The worst delays of IceStorm's data: (cell, kind, start, end) without bit numbers, to ps."""
    icetime = shutil.which("icetime")
    share = Path(icetime).parents[1] / "share" if icetime else None
    found = next(share.glob("*ice*/**/timings_up5k.txt"), None) if share else None
    if found is None:
        pytest.skip("IceStorm's timing data are not installed")
    worst = defaultdict(float)
    for line in found.read_text().splitlines():
        match line.split():
            case ["CELL", name]:
                cell = name
            case ["SETUP" | "IOPATH" as kind, start, end, *delays]:
                ports = (re.sub(r"\[\d+\]|.*:", "", port).upper() for port in (start, end))
                # Fastest, typical and slowest corner; "*" where there is no such edge.
                slowest = (float(d.split(":")[2]) for d in delays if d != "*:*:*" and d != "*")
                key = (cell, kind, *ports)
                worst[key] = max(worst[key], *slowest, 0.0)
    return worst


@pytest.mark.parametrize("kind", TIMING)
def test_the_table_holds_the_worst_of_the_vendors_delays(icestorm, kind):
    vendor = VENDOR_CELLS[kind]
    setups = {
        start: worst
        for (cell, check, start, _), worst in icestorm.items()
        if (cell, check) == (vendor, "SETUP")
    }
    outputs = {
        end: worst
        for (cell, check, start, end), worst in icestorm.items()
        if (cell, check) == (vendor, "IOPATH") and start in ("CLK", "RCLK", "CLOCK")
    }
    for table, measured in ((TIMING[kind].setup, setups), (TIMING[kind].clock_to_out, outputs)):
        for port, delay in table.items():
            assert port == INTERNAL or delay == math.ceil(measured[port])


def test_the_path_inside_of_a_multiplier_is_bounded_by_its_combinational_delay(icestorm):
    worst = max(
        value
        for (cell, check, _, end), value in icestorm.items()
        if (cell, check, end) == ("SB_MAC16_MUL_S_8X8_BYPASS", "IOPATH", "O")
    )
    assert TIMING["ICESTORM_DSP"].clock_to_out[INTERNAL] >= worst


def lone_dsp():
    """One DSP between two registers of 1 ns, with nextpnr's 0.1 ns delays."""
    register = Cell(kind="ICESTORM_LC", arcs={("CLK", "O"): 1000}, setups={("I0", "CLK"): 1000})
    dsp = Cell(kind="ICESTORM_DSP", arcs={("CLK", "O_0"): 100}, setups={("A_0", "CLK"): 100})
    clock = ("clock", "O")
    return Delays(
        cells={"before": register, "dsp": dsp, "after": register},
        wires={
            **{(cell, "CLK"): (clock, 0) for cell in ("before", "dsp", "after")},
            ("dsp", "A_0"): (("before", "O"), 500),
            ("after", "I0"): (("dsp", "O_0"), 700),
        },
    )


@pytest.mark.parametrize(
    ("registered", "delay_ns"),
    [
        # The path inside of the multiplier.
        (["dsp"], 5.96),
        # From register to register, through a multiplier of which nothing is known.
        ([], 1.0 + 0.5 + 9.05 + 0.7 + 1.0),
    ],
)
def test_a_multiplier_that_is_not_registered_is_timed_as_the_slowest(registered, delay_ns):
    ((path, *_),) = longest_paths(
        with_real_delays(lone_dsp(), registered_dsps=registered, lut_inputs={})
    ).values()
    assert path.delay_ns == pytest.approx(delay_ns)


def test_a_path_says_where_its_time_goes():
    ((path, *_),) = longest_paths(lone_dsp()).values()
    assert path.describe() == "cell dsp to cell after: 1.80 ns (1.10 logic, 0.70 routing)"


def test_a_loop_of_logic_is_refused():
    gate = Cell(kind="ICESTORM_LC", arcs={("I0", "O"): 1}, setups={})
    delays = Delays(cells={"gate": gate}, wires={("gate", "I0"): (("gate", "O"), 1)})
    with pytest.raises(ValueError, match="^Logic must have no combinational loop, and 'gate' is"):
        longest_paths(delays)
