"""boards/bench.json, from which the tables of accel/bench/README.md are made, still says what is
so."""

import hashlib
import json
from pathlib import Path

import pytest

import accel
from accel import boards
from accel.bench import clock
from accel.bench.networks import digits
from accel.bench.run import FORMAT, figures_json, on_board
from accel.config import AcceleratorConfig
from accel.target import resources
from tests.support.shared import DATA

RECORD = Path(__file__).resolve().parents[2] / "boards" / "bench.json"
BENCH = json.loads(RECORD.read_text())
NAMES = [board["board"] for board in BENCH["boards"]]
# The network that everyone has is looked at on all boards, others on the first.
RUNS = [
    run
    for run in BENCH["runs"]
    if run["runs"] and (run["network"].startswith("digits") or run["board"] == NAMES[0])
]
AGAIN = "write it anew: the command is above the table in accel/bench/README.md"


def found(name: str) -> dict:
    return next(board for board in BENCH["boards"] if board["board"] == name)


def model(run: dict) -> Path:
    """The file of that content; skips the test where nobody has it."""
    (network,) = (n for n in BENCH["networks"] if n["network"] == run["network"])
    for path in (*digits().glob("*.tflite"), *DATA.glob("models/mlperf_tiny/*")):
        if hashlib.sha256(path.read_bytes()).hexdigest() == network["sha256"]:
            return path
    pytest.skip(f"{network['file']} is not here")


def test_the_record_says_what_it_was_measured_with():
    assert BENCH["format"] == FORMAT
    assert BENCH["computer"]["cpu"]
    assert set(BENCH["computer"]) == {"cpu", "cores", "load", "python", "numpy", "compiler"}
    for board in BENCH["boards"]:
        assert board["device"] and board["seeds"] and board["tools"]["amaranth"]


@pytest.mark.parametrize("name", NAMES)
def test_clock_and_resources_are_those_of_the_last_place_and_route(name):
    board, record = boards.get(name), found(name)
    config = resources.configure(board)
    assert AcceleratorConfig(**record["configuration"]) == config, AGAIN
    if BENCH["built"]:
        return
    now = clock.from_records(board, config)
    assert record["mhz"] == now.mhz, AGAIN
    assert record["figures"] == figures_json(now.figures), AGAIN


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run['network']}-{run['board']}")
def test_cycles_and_what_follows_from_them_are_the_models(run):
    path, record = model(run), found(run["board"])
    program = accel.compile(path, board=run["board"])
    now = figures_json(
        on_board(
            program,
            clock.Clock(mhz=record["mhz"], mhz_is=record["mhz_is"], figures={}, tools={}, seeds=()),
        )
    )
    for key, figure in now.items():
        recorded = run["figures"][key]
        assert (recorded["value"], recorded["how"]) == (figure["value"], figure["how"]), AGAIN


@pytest.mark.parametrize(
    "run",
    [run for run in BENCH["runs"] if run["runs"]],
    ids=lambda run: f"{run['network']}-{run['board']}",
)
def test_rtl_counted_what_the_model_said(run):
    counted = run["figures"]["rtl_cycles"]["value"]
    assert counted in (None, run["figures"]["cycles"]["value"])
