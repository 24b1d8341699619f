"""What the campaign at gate level tries, and that it goes on where it ended."""

import json

from accel.sim.gates.scenarios import SCENARIOS
from tests.campaigns import gate_level


def test_every_scenario_runs_on_every_board_with_every_network():
    found = list(gate_level.cases(("icebreaker", "ulx3s_85f"), 2))
    assert len(found) == len(set(found)) == 2 * len(gate_level.NETWORKS) * len(SCENARIOS) * 2


def test_it_goes_on_after_the_last_whole_line(tmp_path, monkeypatch, capsys):
    results = tmp_path / "gates.jsonl"
    tried = []

    def attempt(case):
        tried.append(case)
        holds = case[2] != "abort"
        return {"case": list(case), "holds": holds, "cycles": 9, "unknown_cycles": 0} | {
            "said": "byte 3",
            "cpu_s": 1.0,
        }

    first, *others = gate_level.cases(("icebreaker",), 1)
    results.write_text(json.dumps(attempt(first)) + "\n" + '{"case": ["iceb\n')
    tried.clear()
    monkeypatch.setattr(gate_level, "attempt", attempt)
    command = ["gate_level", "--results", str(results), "--board", "icebreaker"]
    monkeypatch.setattr("sys.argv", command)
    assert gate_level.main() == 1
    assert tried == others
    assert "icebreaker digits abort 0 DIFFERS: byte 3" in capsys.readouterr().out
    assert gate_level.main() == 1
    assert tried == others
