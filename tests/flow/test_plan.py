# amaranth: UnusedElaboratable=no
"""A plan is whole without any tool, and its digest is that of the design."""

import dataclasses
import re
import subprocess

from accel import boards
from accel.flow.tools import find_tool
from accel.target.bitstream import plan
from accel.target.resources import configure


def test_a_plan_needs_no_tool(monkeypatch, make_ice40_plan, ice40_plan):
    monkeypatch.setenv("PATH", "")
    again = make_ice40_plan()
    assert again.tools == ("yosys", "nextpnr-ice40", "icepack")
    assert set(again.files) == {"top.il", "top.ys", "top.pcf"}
    assert again.digest() == ice40_plan.digest()


def test_a_plan_does_not_tell_where_the_sources_lie(ice40_plan):
    assert "conftest.py" not in ice40_plan.files["top.il"]


def test_the_digest_changes_with_everything_that_decides_the_result(ice40_plan):
    changes = (
        {"seeds": (1,)},
        {"clock_mhz": 13.0},
        {"files": {**ice40_plan.files, "top.pcf": ""}},
        {"place_and_route": (*ice40_plan.place_and_route, "--freq", "13")},
    )
    digests = {dataclasses.replace(ice40_plan, **change).digest() for change in changes}
    assert len(digests | {ice40_plan.digest()}) == 1 + len(changes)


def test_options_reach_place_and_route(ecp5_plan):
    assert ecp5_plan.tools == ("yosys", "nextpnr-ecp5", "ecppack")
    assert ecp5_plan.place_and_route[-2:] == ("--router", "router2")


def test_a_up5k_is_mapped_until_nothing_changes(ecp5_plan):
    board = boards.get("icebreaker")
    script = plan(board, configure(board, rows=2, columns=2)).files["top.ys"]
    (mapping,) = re.findall(r'^scratchpad -set abc9.script "\+(.*)"$', script, re.MULTILINE)
    assert " " not in mapping and mapping.count("&if,{W},{D},{R},-v;&mfs") == 4
    assert script.index("scratchpad") < script.index("synth_ice40")
    assert "abc9.script" not in ecp5_plan.files["top.ys"]


def test_elements_of_arrays_have_no_wires_of_their_own(ecp5_plan, tmp_path):
    """`sums[3]` would else be a wire and a bit of another, which Yosys cannot tell apart."""
    assert re.search(r"^  wire.*\]$", ecp5_plan.files["top.il"], re.MULTILINE)
    (tmp_path / "top.il").write_text(ecp5_plan.files["top.il"])
    read = ecp5_plan.files["top.ys"].split("synth_ecp5")[0]
    (tmp_path / "top.ys").write_text(f"{read}\nwrite_rtlil read.il\n")
    yosys = find_tool("yosys")
    subprocess.run([yosys.executable, "-q", "top.ys"], cwd=tmp_path, check=True)
    wires = re.findall(r"^  wire.* (\S+)$", (tmp_path / "read.il").read_text(), re.MULTILINE)
    assert wires and not any("[" in wire for wire in wires)
