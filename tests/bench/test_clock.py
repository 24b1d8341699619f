"""A clock is as recorded where the record is of this core, or as built, and says which."""

from types import SimpleNamespace

import pytest

from accel import boards
from accel.bench import clock
from accel.target import resources

FMAX = {
    "signed_off": 40.0,
    "nextpnr": 41.0,
    "median": 38.0,
    "min": 35.0,
    "max": 40.0,
    "seeds": [{"seed": seed, "signed_off": 38.0, "nextpnr": 39.0} for seed in (1, 2, 3)],
}


def record(name: str) -> dict:
    board = boards.get(name)
    return {
        "device": board.device,
        "configuration": resources.configure(board).as_dict(),
        "clock_mhz": board.clock.made_mhz,
        "fmax_mhz": FMAX,
        "used": {"LC": 4000, "DSP": 8},
        "tools": {"amaranth": "0.5"},
    }


@pytest.fixture
def recorded(monkeypatch):
    """Records in the place of those that are committed."""
    records = {"icebreaker": record("icebreaker")}
    monkeypatch.setattr(clock.boards, "recorded", lambda: records)
    return records


def test_records_are_taken_with_their_seeds(recorded):
    board = boards.get("icebreaker")
    found = clock.from_records(board, resources.configure(board))
    fmax = found.figures["fmax"]
    assert (found.mhz, found.mhz_is) == (38.0, "signed-off Fmax, median of 3 seeds")
    assert (fmax.value, fmax.least, fmax.most, fmax.samples) == (38.0, 35.0, 40.0, 3)
    assert fmax.how == "recorded in boards/results.json, 3 seeds"
    assert found.seeds == (1, 2, 3)
    assert "build" not in found.figures


def test_resources_stand_beside_what_the_chip_has(recorded):
    board = boards.get("icebreaker")
    figures = clock.from_records(board, resources.configure(board)).figures
    has = {key: figures[key].anchors[0] for key in ("logic", "dsp", "ebr", "spram")}
    assert {key: anchor.value for key, anchor in has.items()} == {
        "logic": board.resources["LC"],
        "dsp": board.resources["DSP"],
        "ebr": board.resources["EBR"],
        "spram": board.resources["SPRAM"],
    }
    assert figures["logic"].value == 4000
    assert figures["logic"].ratio(has["logic"]) == 4000 / board.resources["LC"]
    assert all(anchor.limit and anchor.capacity for anchor in has.values())


@pytest.mark.parametrize("change", ["other core", "other device", "no record", "other options"])
def test_a_record_of_another_core_is_none(recorded, change):
    board = boards.get("icebreaker")
    config = resources.configure(board)
    if change == "other core":
        recorded["icebreaker"]["configuration"]["sum_bits"] += 1
    if change == "other device":
        recorded["icebreaker"]["device"] = "iCE40HX1K"
    if change == "no record":
        del recorded["icebreaker"]
    if change == "other options":
        config = config.replace(sum_bits=config.sum_bits - 1)
    found = clock.from_records(board, config)
    assert (found.mhz, found.mhz_is) == (board.clock.made_mhz, "the board's clock")
    assert found.figures["fmax"].value is None
    assert "no record of this core" in found.figures["fmax"].how
    assert found.figures["dsp"].value == resources.needs(config)["DSP"]
    assert found.figures["logic"].value is None


REPORT = {
    "fmax_mhz": FMAX,
    "utilization": {"LUT": {"used": 5000, "available": 12144}},
    "tools": [{"name": "yosys", "version": "9"}],
}


def test_a_build_is_asked_for_its_seeds_and_timed():
    board = boards.get("ulx3s_12f")
    config = resources.configure(board)
    asked = {}

    def build(found, output, **options):
        asked.update(options, board=found)
        options["on_progress"]("synthesis", 0.3)
        return SimpleNamespace(report=REPORT, reused=())

    told = []
    found = clock.from_build(board, config, range(1, 4), lambda *what: told.append(what), build)
    assert (asked["board"], asked["config"], asked["seeds"]) == (board, config, (1, 2, 3))
    assert told == [("synthesis", 0.3)]
    assert found.figures["fmax"].how == "built now, 3 seeds"
    assert found.figures["logic"].value == 5000
    assert found.figures["dsp"].value == 0
    assert found.figures["build"].value == pytest.approx(3 * found.figures["build_seed"].value)
    assert found.tools == {"yosys": "9"}


def test_what_comes_from_the_cache_is_no_build_time():
    board = boards.get("ulx3s_12f")

    def build(found, output, **options):
        return SimpleNamespace(report=REPORT, reused=("synthesis", "seed 1"))

    found = clock.from_build(
        board, resources.configure(board), (1, 2, 3), lambda *what: None, build
    )
    for key in ("build", "build_seed"):
        assert found.figures[key].value is None
        assert "synthesis, seed 1 from the cache" in found.figures[key].how
    assert found.figures["fmax"].value == FMAX["median"]
