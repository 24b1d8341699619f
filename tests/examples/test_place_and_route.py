"""The script that records what place and route makes of boards' default cores."""

import importlib.util
import json
from pathlib import Path

import pytest

from accel import boards
from accel.flow.build import BuildResult
from accel.target import resources

SCRIPT = Path(__file__).resolve().parents[2] / "examples/boards/place_and_route.py"


@pytest.fixture
def script(monkeypatch, tmp_path):
    """The script as a module, with records of its own and a build that takes no time."""
    spec = importlib.util.spec_from_file_location("place_and_route", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results.json")

    def build(name, folder, seeds):
        board = boards.get(name)
        report = {
            "device": board.device,
            "configuration": resources.configure(board).as_dict(),
            "clock_mhz": board.clock.made_mhz,
            "timing_met": True,
            "fmax_mhz": {"signed_off": 100.0 + len(seeds)},
            "best_seed": 1,
            "utilization": {
                "EBR": {"used": 3, "available": 4},
                "PLL": {"used": 0, "available": 1},
            },
            "critical_path": {"words": "from here to there"},
            "tools": [{"name": "nextpnr", "version": "0.11"}],
        }
        return BuildResult(bitstream=folder, report=report)

    monkeypatch.setattr(module, "build", build)
    return module


def run(script, monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["place_and_route.py", *arguments])
    script.main()
    return json.loads(script.RESULTS.read_text())


def test_a_board_is_recorded_and_the_others_are_kept(script, monkeypatch, capsys):
    run(script, monkeypatch, "icebreaker", "--seeds", "4")
    results = run(script, monkeypatch, "fomu_pvt")
    assert list(results) == ["fomu_pvt", "icebreaker"]
    assert results["icebreaker"]["used"] == {"EBR": 3}
    assert results["icebreaker"]["fmax_mhz"] == {"signed_off": 104.0}
    assert resources.is_of(results["icebreaker"], boards.get("icebreaker"))
    mhz = boards.get("icebreaker").clock.made_mhz
    assert f"icebreaker: 104.0 MHz for {mhz:g}, {{'EBR': 3}}" in capsys.readouterr().out


def test_without_boards_those_are_made_that_have_no_record_of_what_they_are(script, monkeypatch):
    results = run(script, monkeypatch, "icebreaker", "ulx3s_85f")
    results["icebreaker"]["configuration"]["rows"] = 8
    script.RESULTS.write_text(json.dumps(results))
    assert set(script.stale(results)) == set(boards.BOARDS) - {"ulx3s_85f"}
    assert set(run(script, monkeypatch)) == set(boards.BOARDS)
    assert script.stale(script.read()) == []
