"""Random networks of small layers answer alike in RTL, on the machine and in the reference, and
take the modelled cycles. `tests.campaigns.random_rtl` runs them on all boards' cores and more
shapes."""

import sys

import pytest

from accel.boards import BOARDS
from tests.campaigns import random_rtl
from tests.campaigns.random_rtl import BATCH, Batch, run_batch
from tests.support.rtl import bench
from tests.support.rtl.bench import Outcome
from tests.support.rtl.cores import ODD_SHAPES, all_cores, board_cores

SEED = 14
# Networks on each core. The first two are compiled for other tests as well, the others in seconds.
CORES = {"ulx3s_85f": 60, "icebreaker": 40, "tinyfpga_bx": 40, "2x16 ecp5": 40, "3x5": 20}
# What is drawn often, and must not be lacking on an array of several lines.
REACHED = (
    "one tile",
    "one run",
    "runs of one position",
    "one column",
    "stride2_skip",
    "several lines",
)


def core_named(name: str) -> str:
    """A board's core goes by the names of all boards that have it."""
    return name if name in ODD_SHAPES else next(n for n in board_cores() if name in n.split(", "))


GROUPS = {name: [pytest.mark.xdist_group(name)] if name == "ulx3s_85f" else [] for name in CORES}


@pytest.mark.parametrize("core", [pytest.param(name, marks=GROUPS[name]) for name in CORES])
def test_rtl_the_machine_and_the_cycle_model_agree_with_the_reference(core):
    outcome = Outcome()
    for number in range(CORES[core] // BATCH):
        outcome.add(run_batch(Batch(core_named(core), SEED, number)))
    assert outcome.faults == []
    counts = outcome.counts
    assert counts["networks"] == CORES[core]
    assert counts["run"] >= 0.8 * CORES[core], outcome.refused
    assert counts["elements that differ"] == counts["counters that differ"] == 0
    assert counts["counters"] >= 8 * counts["run"]
    if core == "ulx3s_85f":
        assert all(outcome.reached[name] for name in REACHED), outcome.reached


def test_all_together_they_are_200():
    assert sum(CORES.values()) == 200


def test_each_board_is_on_a_core_and_there_are_ten_shapes_more():
    assert len(ODD_SHAPES) == 10
    boards = {name for names in board_cores() for name in names.split(", ")}
    assert boards == set(BOARDS)
    flashes = sum(config.flash_lanes > 0 for config in board_cores().values())
    assert len(all_cores()) == len(board_cores()) + flashes + 10


CHEAP = "3x5"


def off_by_one(function):
    """The same with the first number of the last array more by one."""

    def wrong(*arguments):
        answer = function(*arguments)
        name = next(reversed(answer))
        answer[name] = answer[name].copy()
        answer[name].flat[-1] += 1
        return answer

    return wrong


def test_a_value_that_differs_is_a_fault_that_says_where(monkeypatch):
    monkeypatch.setattr(bench.interpreter, "run", off_by_one(bench.interpreter.run))
    outcome = run_batch(Batch(CHEAP, SEED, 0), 3)
    run = outcome.counts["run"]
    assert run
    for who in ("machine", "RTL, layer by layer"):
        lines = [fault for fault in outcome.faults if f": {who}: 1 of " in fault]
        assert len(lines) == run, outcome.faults
    assert "3x5 / seed 14 / batch 0 / network" in outcome.faults[0]
    assert outcome.counts["elements that differ"] >= 2 * run


def test_a_counter_that_differs_is_a_fault_that_says_which(monkeypatch):
    def wrong(code, shared_banks, predict=bench.predict):
        first, *rest = predict(code, shared_banks)
        return [type(first)(**{**first.as_dict(), "busy": first.busy + 1}), *rest]

    monkeypatch.setattr(bench, "predict", wrong)
    outcome = run_batch(Batch(CHEAP, SEED, 0), 3)
    assert outcome.counts["counters that differ"] == 2 * outcome.counts["run"] > 0
    assert all("cycle model of " in fault and "busy " in fault for fault in outcome.faults)


def test_what_is_done_is_not_done_again_and_a_cut_line_loses_itself(monkeypatch, tmp_path, capsys):
    results, ran = tmp_path / "results.jsonl", []

    def run(batch):
        ran.append(batch.number)
        return Outcome.from_dict(
            {
                "counts": {"networks": BATCH, "run": BATCH},
                "refused": {},
                "reached": {},
                "faults": [],
            }
        )

    monkeypatch.setattr(random_rtl, "run_batch", run)
    command = ["random_rtl", "--core", CHEAP, "--jobs", "1", "--results", str(results)]

    def campaign(*more):
        ran.clear()
        monkeypatch.setattr(sys, "argv", [*command, *more])
        assert random_rtl.main() == 0
        return ran

    assert campaign("--count", str(2 * BATCH)) == [0, 1]
    lines = results.read_bytes().split(b"\n")
    results.write_bytes(b"\n".join(lines)[:-9])
    assert campaign("--count", str(3 * BATCH)) == [1, 2]
    assert campaign("--count", str(3 * BATCH)) == []
    assert f"{3 * BATCH} networks on 1 cores, {3 * BATCH} run" in capsys.readouterr().out
    assert campaign("--count", str(BATCH), "--again") == [0]


def test_a_fault_makes_the_campaign_fail(monkeypatch, tmp_path, capsys):
    wrong = Outcome(faults=["network 3: 1 of 4 values of y differ"])
    monkeypatch.setattr(random_rtl, "run_batch", lambda batch: wrong)
    where = ["--results", str(tmp_path / "r.jsonl")]
    arguments = ["random_rtl", "--core", CHEAP, "--jobs", "1", "--count", "1", *where]
    monkeypatch.setattr(sys, "argv", arguments)
    assert random_rtl.main() == 1
    assert "network 3: 1 of 4 values of y differ" in capsys.readouterr().out
