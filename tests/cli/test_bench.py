"""``accel bench``: one run, all figures, and bad input told before the long work."""

import json
from types import SimpleNamespace

import pytest

from accel import boards
from accel.api import DEFAULT_BOARD
from accel.bench import clock
from accel.bench.figures import KINDS
from accel.target import resources
from tests.cli.conftest import MODEL

BOARD_KEYS = {"board", "device", "configuration", "mhz", "mhz_is", "seeds", "tools", "figures"}
# Of a network that runs; RTL's only where it is run.
RUN_FIGURES = {
    *(
        "cycles",
        "latency",
        "link",
        "throughput",
        "macs_per_cycle",
        "share_of_peak",
        "mmacs",
        "energy",
    ),
    *("compile", "machine", "numpy", "cpp", "rtl_cycles", "rtl_speed"),
}


@pytest.fixture
def bench(accel, tmp_path):
    """Return a function that benches and gives what it printed and its JSON."""

    def run(*arguments):
        file = tmp_path / "bench.json"
        code, output, errors = accel("bench", *arguments, "--json", file)
        assert code == 0, errors
        return output, json.loads(file.read_text())

    return run


@pytest.fixture
def no_work(monkeypatch):
    """Fails where anything is measured."""

    def measure(*arguments):
        raise AssertionError("the long work has begun")

    monkeypatch.setattr("accel.bench.run.measure", measure)


def times(figure: dict, key: str, who: str) -> float:
    """How much better a figure is than somebody's, by its JSON."""
    (anchor,) = (a for a in figure["anchors"] if a["who"] == who)
    higher = KINDS[key].higher
    ours, theirs = figure["value"], anchor["value"]
    better = ours / theirs if higher else theirs / ours
    assert anchor["ratio"] == pytest.approx(ours / theirs, rel=1e-4)
    assert anchor["times_better"] == pytest.approx(better, rel=1e-4)
    return better


def test_the_digits_are_benched_quickly(bench):
    output, found = bench("--quick", "--no-rtl")
    assert set(found) == {"format", "accel", "built", "computer", "networks", "boards", "runs"}
    (board,), (run,), (network,) = found["boards"], found["runs"], found["networks"]
    assert set(board) == BOARD_KEYS
    assert (board["board"], found["built"]) == (DEFAULT_BOARD, False)
    assert set(run["figures"]) == RUN_FIGURES
    assert (run["network"], run["runs"]) == (network["network"], True) == ("digits_int8", True)
    for key in {*run["figures"], *board["figures"]}:
        assert KINDS[key].title.split(",")[0] in output
    figures = {key: figure["value"] for key, figure in run["figures"].items()}
    assert figures["rtl_cycles"] is None
    assert figures["latency"] == pytest.approx(figures["cycles"] / board["mhz"] / 1e3, rel=1e-4)
    assert figures["macs_per_cycle"] == pytest.approx(run["macs"] / figures["cycles"], rel=1e-4)
    peak = board["configuration"]["rows"] * board["configuration"]["columns"]
    share = 100 * figures["macs_per_cycle"] / peak
    assert figures["share_of_peak"] == pytest.approx(share, rel=1e-4)
    assert times(run["figures"]["mmacs"], "mmacs", "MARLANN") > 0
    assert times(run["figures"]["machine"], "machine", "NumPy here") > 0


def test_boards_may_be_several_and_what_does_not_run_says_why(bench, tmp_path):
    output, found = bench(
        *("--quick", "--no-rtl", "-b", "icebreaker", "-b", "ulx3s_12f", "-b", "icebreaker"),
        *("--set", "bank_words=256", "--set", "flash_lanes=0", MODEL),
    )
    assert [board["board"] for board in found["boards"]] == ["icebreaker", "ulx3s_12f"]
    assert [run["runs"] for run in found["runs"]] == [False, False]
    for run in found["runs"]:
        assert run["reasons"] and run["figures"] == {}
        assert run["reasons"][0].split(";")[0] in output.replace("\n", "")


def test_a_full_bench_builds_all_seeds(bench, monkeypatch):
    asked = []

    def build(board, config, seeds, on_progress):
        asked.append((board.name, tuple(seeds)))
        on_progress("place and route", 0.5)
        fmax = {"median": 50.0, "min": 40.0, "max": 60.0, "seeds": [{"seed": s} for s in seeds]}
        report = {"fmax_mhz": fmax, "utilization": {}, "tools": []}
        return clock.from_build(
            board,
            config,
            seeds,
            on_progress,
            lambda *_, **__: SimpleNamespace(report=report),
        )

    monkeypatch.setattr("accel.bench.run.measure.__defaults__", (build,))
    output, found = bench("--no-rtl", "--seeds", "3")
    assert asked == [(DEFAULT_BOARD, (1, 2, 3))]
    (board,) = found["boards"]
    assert (found["built"], board["mhz"], board["seeds"]) == (True, 50.0, [1, 2, 3])
    assert {"build", "build_seed"} <= set(board["figures"])
    assert "built now, 3 seeds" in output


@pytest.mark.xdist_group(DEFAULT_BOARD)
def test_rtl_counts_what_the_model_says(bench):
    _, found = bench("--quick", "--rtl")
    figures = found["runs"][0]["figures"]
    assert figures["rtl_cycles"]["value"] == figures["cycles"]["value"]
    assert figures["rtl_speed"]["value"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--board", "icebraker"], "did you mean 'icebreaker'?"),
        (["no.tflite"], "no.tflite: there is no such file; give a .tflite or .onnx file"),
        (["--models", "nowhere"], "nowhere: there is no such folder; give one with networks"),
        (["--json", "nowhere/bench.json"], "nowhere/bench.json: cannot be written"),
        (["--set", "rows=x"], "--set rows must be an integer"),
        (["--rows", "32", "--cols", "64"], "the 32x64 core needs"),
    ],
)
def test_bad_input_is_told_before_the_long_work(
    refused, no_work, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert message in refused("bench", *arguments)


def test_a_file_that_is_no_network_is_told_before_any_build(refused, tmp_path, monkeypatch):
    def build(*arguments):
        raise AssertionError("a build has begun")

    monkeypatch.setattr("accel.bench.run.measure.__defaults__", (build,))
    (tmp_path / "x.tflite").write_bytes(b"no")
    assert "x.tflite" in refused("bench", tmp_path / "x.tflite")


def test_help_documents_every_key_of_the_json(accel):
    code, output, _ = accel("bench", "--help")
    assert code == 0
    words = set(output.replace('"', " ").split())
    assert set(KINDS) <= words
    assert {"networks", "boards", "runs"} <= words


@pytest.mark.parametrize("name", sorted(boards.BOARDS))
def test_every_record_can_be_benched(name):
    board = boards.get(name)
    found = clock.from_records(board, resources.configure(board))
    assert found.mhz > 0
    assert {"fmax", "clock", "logic", "dsp"} - set(found.figures) <= {"dsp"}
