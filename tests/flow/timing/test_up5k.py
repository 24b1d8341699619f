"""The table of the UltraPlus's hard cells against the data it was taken from."""

import json
import math
import re
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from accel.flow.timing.delays import Cell, Delays, read_sdf
from accel.flow.timing.reports import read_nextpnr
from accel.flow.timing.sta import longest_paths
from accel.flow.timing.up5k import INTERNAL, TIMING, with_real_delays

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
    with pytest.raises(ValueError, match=r"^Logic must have no combinational loop, and 'gate' is"):
        longest_paths(delays)


REGISTER = {"arcs": {("CLK", "O"): 1400}, "setups": {("I0", "CLK"): 400}}
FALLING = frozenset({("I0", "CLK")})


def pair(first: Cell, second: Cell, port: str, clock_port: str) -> Delays:
    """Two cells of one clock, and a wire of 2 ns from the first one's ``O``."""
    clock = ("clock", "O")
    return Delays(
        cells={"first": first, "second": second},
        wires={
            ("first", "CLK"): (clock, 0),
            ("second", clock_port): (clock, 0),
            ("second", port): (("first", "O"), 2000),
        },
    )


@pytest.mark.parametrize("first", [frozenset(), FALLING], ids=["rising", "falling"])
@pytest.mark.parametrize("second", [frozenset(), FALLING], ids=["rising", "falling"])
def test_a_path_from_edge_to_edge_has_half_a_period(first, second):
    cells = [Cell(kind="ICESTORM_LC", **REGISTER, falling=edges) for edges in (first, second)]
    ((path, *_),) = longest_paths(pair(*cells, "I0", "CLK")).values()
    assert path.delay_ns == pytest.approx(3.8)
    half = first != second
    assert path.fmax_mhz == pytest.approx((500 if half else 1000) / 3.8)
    assert ("from one edge of the clock to the other" in path.describe()) == half


@pytest.mark.parametrize(("port", "periods"), [("D_OUT_0", 1.0), ("D_OUT_1", 0.5)])
def test_the_second_register_of_a_pad_takes_the_falling_edge(port, periods):
    """As nextpnr writes it of the pin of a flash's clock."""
    pad = read_sdf("""
  (CELL
    (CELLTYPE "SB_IO")
    (INSTANCE second)
    (TIMINGCHECK
      (SETUPHOLD (posedge D_OUT_1) (negedge OUTPUT_CLK) (205:205:205) (0:0:0))
      (SETUPHOLD (negedge D_OUT_1) (negedge OUTPUT_CLK) (205:205:205) (0:0:0))
      (SETUPHOLD (posedge D_OUT_0) (posedge OUTPUT_CLK) (205:205:205) (0:0:0))
      (SETUPHOLD (negedge D_OUT_0) (posedge OUTPUT_CLK) (205:205:205) (0:0:0))
    )
  )""").cells["second"]
    delays = pair(Cell(kind="ICESTORM_LC", **REGISTER), pad, port, "OUTPUT_CLK")
    ((path, *_),) = longest_paths(delays).values()
    assert path.periods == periods
    assert path.fmax_mhz == pytest.approx(periods * 1000 / 3.605)


def test_the_second_input_of_a_pad_comes_with_the_falling_edge():
    setups = {("CLOCK_ENABLE", "INPUT_CLK"): 205}
    arcs = {("INPUT_CLK", "D_IN_0"): 1005, ("INPUT_CLK", "D_IN_1"): 1005}
    pad = Cell(kind="SB_IO", arcs=arcs, setups=setups)
    assert not pad.launches_falling("INPUT_CLK", "D_IN_0")
    assert pad.launches_falling("INPUT_CLK", "D_IN_1")


def test_the_worst_path_is_the_one_that_leaves_the_least_of_the_clock():
    """Half a period for 3.8 ns is worse than a whole one for 7."""
    whole = Cell(kind="ICESTORM_LC", arcs={}, setups={("I0", "CLK"): 3600})
    half = Cell(kind="ICESTORM_LC", **REGISTER, falling=FALLING)
    delays = pair(Cell(kind="ICESTORM_LC", **REGISTER), half, "I0", "CLK")
    wires = {("third", "CLK"): (("clock", "O"), 0), ("third", "I0"): (("first", "O"), 2000)}
    delays = Delays(cells={**delays.cells, "third": whole}, wires={**delays.wires, **wires})
    (paths,) = longest_paths(delays).values()
    assert [path.delay_ns for path in paths] == pytest.approx([3.8, 7.0])
    assert paths[0].fmax_mhz < paths[1].fmax_mhz


def test_a_multiplier_on_the_falling_edge_is_timed_from_falling_to_falling():
    dsp = Cell(
        kind="ICESTORM_DSP",
        arcs={("CLK", "O_0"): 100},
        setups={("A_0", "CLK"): 100},
        falling=frozenset({("A_0", "CLK")}),
    )
    delays = Delays(cells={"dsp": dsp}, wires={("dsp", "CLK"): (("clock", "O"), 0)})
    real = with_real_delays(delays, registered_dsps=["dsp"], lut_inputs={})
    ((path, *_),) = longest_paths(real).values()
    assert (path.periods, path.delay_ns) == (1.0, pytest.approx(5.96))


def test_a_clock_whose_worst_path_goes_from_edge_to_edge_has_that_path(tmp_path):
    def path(start, end, delay):
        place = {"cell": "a", "port": "O"}
        return {
            "from": start,
            "to": end,
            "path": [{"to": place, "delay": delay, "type": "routing"}],
        }

    paths = [
        path("posedge clk", "negedge clk", 6.0),
        path("posedge clk", "posedge clk", 10.0),
        path("<async>", "posedge clk", 99.0),
        path("posedge clk", "posedge other", 99.0),
        path("<async>", "<async>", 99.0),
    ]
    file = tmp_path / "nextpnr.json"
    file.write_text(json.dumps({"utilization": {}, "fmax": {}, "critical_paths": paths}))
    (found,) = read_nextpnr(file).critical_paths.items()
    assert found[0] == "clk"
    assert found[1].fmax_mhz == pytest.approx(500 / 6)
