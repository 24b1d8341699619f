"""What is read of nextpnr's and Yosys's reports: resources by our names, clocks, and the worst
paths."""

import json

import pytest

from accel.flow.timing.reports import Clock, Usage, cells_used, read_nextpnr, read_statistics


def path(start, end, *delays):
    segments = [
        {"to": {"cell": f"c{n}", "port": "I"}, "delay": delay, "type": kind}
        for n, (delay, kind) in enumerate(delays)
    ]
    return {"from": start, "to": end, "path": segments}


REPORT = {
    "utilization": {
        "ICESTORM_LC": {"used": 10, "available": 5280},
        "ICESTORM_DSP": {"used": 8, "available": 8},
        "ICESTORM_HFOSC": {"used": 1, "available": 1},
        "DCCA": {"used": 0, "available": 0},
    },
    "fmax": {
        "clk": {"achieved": 50.5, "constraint": 12.0},
        "slow": {"achieved": 20.0, "constraint": 1.0},
    },
    "critical_paths": [
        path("posedge clk", "posedge clk", (4.0, "clk-to-q"), (3.0, "routing"), (1.0, "setup")),
        path("posedge clk", "posedge clk", (9.0, "routing"), (1.0, "setup")),
        path("negedge slow", "negedge slow", (7.0, "routing")),
        path("posedge slow", "negedge slow", (3.0, "routing")),
        path("posedge clk", "posedge slow", (99.0, "routing")),
        path("<async>", "posedge clk", (99.0, "routing")),
    ],
}


@pytest.fixture
def file(tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    return tmp_path / "report.json"


def test_resources_go_by_our_names_and_what_a_device_lacks_is_left_out(file):
    assert read_nextpnr(file).utilization == {
        "LC": Usage(used=10, available=5280),
        "DSP": Usage(used=8, available=8),
    }
    assert cells_used(file) == {
        "ICESTORM_LC": 10,
        "ICESTORM_DSP": 8,
        "ICESTORM_HFOSC": 1,
        "DCCA": 0,
    }


def test_clocks_have_what_was_achieved_and_what_was_asked_for(file):
    assert read_nextpnr(file).clocks == {
        "clk": Clock(achieved_mhz=50.5, constraint_mhz=12.0),
        "slow": Clock(achieved_mhz=20.0, constraint_mhz=1.0),
    }


def test_the_worst_path_of_each_clock_to_itself_is_kept(file):
    """From one edge to the other a path has half a period."""
    found = read_nextpnr(file).critical_paths
    assert set(found) == {"clk", "slow"}
    clk, slow = found["clk"], found["slow"]
    assert (clk.delay_ns, clk.routing_ns, clk.periods) == (10.0, 9.0, 1.0)
    assert clk.fmax_mhz == pytest.approx(100.0)
    assert (slow.delay_ns, slow.periods) == (7.0, 1.0)
    steps = [(step.cell, step.port, step.delay_ns, step.is_routing) for step in clk.steps]
    assert steps == [("c0", "I", 9.0, True), ("c1", "I", 1.0, False)]


def test_half_a_period_counts_where_it_makes_a_path_the_worst(tmp_path):
    half = path("posedge clk", "negedge clk", (6.0, "routing"))
    report = REPORT | {"critical_paths": [*REPORT["critical_paths"][:2], half]}
    (tmp_path / "r.json").write_text(json.dumps(report))
    assert read_nextpnr(tmp_path / "r.json").critical_paths["clk"].periods == 0.5


def test_cells_are_counted_by_type(tmp_path):
    counts = {"SB_LUT4": 7, "SB_MAC16": 1}
    (tmp_path / "stat.json").write_text(json.dumps({"design": {"num_cells_by_type": counts}}))
    assert read_statistics(tmp_path / "stat.json") == counts
