"""The Fmax that is signed off is that of the real delays, and the worse with and without skew."""

import json
import stat

import pytest

from accel.flow.timing import signoff
from accel.flow.timing.paths import PathStep, TimedPath
from accel.flow.timing.reports import Clock, PlaceAndRoute
from accel.flow.timing.signoff import (
    registered_dsps,
    run_icetime,
    sign_off_as_reported,
    sign_off_up5k,
)
from accel.flow.timing.up5k import REGISTERED_8X8
from accel.flow.tools import Tool


def cell(kind: str, name: str, arcs: dict, setups: dict) -> str:
    """A cell as nextpnr writes it to an SDF file; delays in ps."""
    lines = [f'(CELL (CELLTYPE "{kind}") (INSTANCE {name})', "(DELAY (ABSOLUTE"]
    for (start, end), ps in arcs.items():
        lines.append(f"(IOPATH {start} {end} ({ps}:{ps}:{ps}) ({ps}:{ps}:{ps}))")
    lines += ["))", "(TIMINGCHECK"]
    for (port, clock), ps in setups.items():
        lines.append(f"(SETUPHOLD (posedge {port}) (posedge {clock}) ({ps}:{ps}:{ps}) (0:0:0))")
    return "\n".join([*lines, "))"])


def wires(connections: dict) -> str:
    lines = ['(CELL (CELLTYPE "top") (INSTANCE )', "(DELAY (ABSOLUTE"]
    for (source, sink), ps in connections.items():
        lines.append(f"(INTERCONNECT {source} {sink} ({ps}:{ps}:{ps}) ({ps}:{ps}:{ps}))")
    return "\n".join([*lines, ")))"])


def design(skews: tuple[int, int] = (0, 0)) -> str:
    """Register ``a`` feeds the multiplier ``m_DSP``, which feeds ``b``; ``a`` feeds ``c``, too,
    which has a clock of its own, as has ``d`` after it. The clock comes late to ``a`` and to
    ``b``."""
    register = {("CLK", "O"): 1400}, {("I0", "CLK"): 400}
    dsp = {("CLK", "O_0"): 100}, {("A_0", "CLK"): 100}
    parts = [cell("ICESTORM_LC", name, *register) for name in "abcd"]
    connections = {
        ("clock/O", "a/CLK"): skews[0],
        ("clock/O", "m_DSP/CLK"): 0,
        ("clock/O", "b/CLK"): skews[1],
        ("slow/O", "c/CLK"): 0,
        ("slow/O", "d/CLK"): 0,
        ("a/O", "m_DSP/A_0"): 600,
        ("m_DSP/O_0", "b/I0"): 700,
        ("a/O", "c/I0"): 9000,
        ("c/O", "d/I0"): 3000,
    }
    return "\n".join([*parts, cell("ICESTORM_DSP", "m_DSP", *dsp), wires(connections)])


def path(*ends: str, delay: float = 2.0) -> TimedPath:
    steps = (PathStep(cell=end, port="I0", delay_ns=delay, is_routing=False) for end in ends)
    return TimedPath(steps=tuple(steps))


REPORT = PlaceAndRoute(
    utilization={},
    clocks={
        "fast": Clock(achieved_mhz=300.0, constraint_mhz=12.0),
        "slow": Clock(achieved_mhz=250.0, constraint_mhz=6.0),
    },
    critical_paths={"fast": path("a", "b"), "slow": path("c", "d")},
)


def netlist(**changes) -> str:
    """Yosys's netlist of one multiplier among other cells; parameters in binary."""
    parameters = {name: f"{value:02b}" for name, value in (REGISTERED_8X8 | changes).items()}
    cells = {
        "m": {"type": "SB_MAC16", "parameters": parameters},
        "r": {"type": "SB_DFF", "parameters": {}},
        "like": {"type": "SB_RAM40_4K", "parameters": parameters},
    }
    return json.dumps({"modules": {"top": {"cells": cells}}})


ROUTED = json.dumps({"modules": {"top": {"netnames": {}, "cells": {}}}})


def signed(skews=(0, 0), report=REPORT, routed=ROUTED, **changes):
    return sign_off_up5k(report, sdf=design(skews), synthesized=netlist(**changes), routed=routed)


def test_each_clock_has_a_figure_of_its_own_beside_nextpnrs():
    found = signed()
    assert {name: one.nextpnr_mhz for name, one in found.items()} == {"fast": 300.0, "slow": 250.0}
    # Within the registered multiplier, and from c to d.
    assert found["fast"].signed_off_mhz == pytest.approx(1e3 / 5.96)
    assert found["slow"].signed_off_mhz == pytest.approx(1e3 / (1.4 + 3.0 + 0.4))
    for name, one in found.items():
        assert one.clock == name
        assert one.worst_paths[0].fmax_mhz == one.signed_off_mhz
    assert found["slow"].worst_paths[0].end == "cell d"


def test_a_multiplier_that_is_set_up_otherwise_gets_the_longest_delay():
    """From register to register through it."""
    found = signed(A_REG=0)
    assert found["fast"].signed_off_mhz == pytest.approx(1e3 / (1.4 + 0.6 + 9.05 + 0.7 + 0.4))


@pytest.mark.parametrize(
    ("skews", "delay"),
    [
        # To b, which waits for a multiplier whose clock is on time: 9.05 + 0.7 + 0.4 from its
        # clock.
        ((0, 0), 12.15),
        ((800, 0), 12.95),  # longer with the skew
        ((0, 800), 12.15),  # which would help, and is not relied on
    ],
)
def test_the_worse_of_with_and_without_skew_counts(skews, delay):
    found = signed(skews, A_REG=0)
    assert found["fast"].signed_off_mhz == pytest.approx(1e3 / delay)
    assert found["fast"].worst_paths[0].delay_ns == pytest.approx(delay)


@pytest.mark.parametrize("name", REGISTERED_8X8)
def test_a_multiplier_is_timed_exactly_only_with_all_its_registers(name):
    assert registered_dsps(netlist()) == ["m_DSP"]
    assert registered_dsps(netlist(**{name: 3 - REGISTERED_8X8[name]})) == []
    cells = json.loads(netlist())
    del cells["modules"]["top"]["cells"]["m"]["parameters"][name]
    assert registered_dsps(json.dumps(cells)) == []


def test_inputs_that_the_router_swapped_have_the_delays_of_where_they_are():
    """The last input of a table is quicker to the flip-flop after it than the first."""
    swap = ".lutff_1:in_3.->.4.5.lutff_1:in_0_lut;1;"
    netnames = {"n": {"attributes": {"ROUTING": f"x;{swap}"}}}
    cells = {"d": {"attributes": {"NEXTPNR_BEL": "X4/Y5/lc1"}}}
    routed = json.dumps({"modules": {"top": {"netnames": netnames, "cells": cells}}})
    found = signed(routed=routed)
    assert found["slow"].signed_off_mhz == pytest.approx(1e3 / (1.4 + 3.0 + 0.824))


def test_a_clock_of_which_no_path_is_known_is_not_signed_off():
    """Nor one whose path ends where nothing is clocked."""
    paths = {"fast": TimedPath(steps=(PathStep(cell="a", port="X", delay_ns=1, is_routing=False),))}
    report = PlaceAndRoute(utilization={}, clocks=REPORT.clocks, critical_paths=paths)
    assert signed(report=report) == {}


def test_what_nextpnr_times_right_is_taken_as_it_is():
    critical = {"fast": REPORT.critical_paths["fast"]}
    report = PlaceAndRoute(utilization={}, clocks=REPORT.clocks, critical_paths=critical)
    found = sign_off_as_reported(report)
    assert {n: (s.clock, s.signed_off_mhz, s.nextpnr_mhz) for n, s in found.items()} == {
        "fast": ("fast", 300.0, 300.0),
        "slow": ("slow", 250.0, 250.0),
    }
    assert found["fast"].worst_paths == (critical["fast"],)
    assert found["slow"].worst_paths == ()


def icetime(tmp_path, text: str) -> Tool:
    script = tmp_path / "icetime"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return Tool(name="icetime", executable=str(script), version="1")


@pytest.mark.parametrize(
    ("text", "mhz"),
    [
        ('echo "Total path delay: 20.50 ns (48.78 MHz)"', 48.78),
        ('echo "Total path delay: 10.00 ns (100.00 MHz)" >&2', 100.0),
        ('echo "nothing to time"', None),
        # It is told the device, and stands where the file is.
        ('test "$*" = "-i -d up5k top.asc" && test -e top.asc && echo "(7.5 MHz)"', 7.5),
    ],
)
def test_icetime_is_asked_of_the_file_and_its_answer_read(tmp_path, text, mhz):
    (tmp_path / "top.asc").write_text("")
    assert run_icetime(icetime(tmp_path, text), tmp_path / "top.asc") == mhz


def test_icetime_that_does_not_end_has_no_answer(tmp_path, monkeypatch):
    def never(*arguments, **options):
        raise signoff.TimeoutExpired("icetime", 300)

    monkeypatch.setattr(signoff, "run", never)
    assert run_icetime(icetime(tmp_path, ""), tmp_path / "top.asc") is None
