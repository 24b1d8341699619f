"""`accel verify-netlist` around what it verifies: which netlist, what is said, how it ends.

That netlists are their RTL is held by tests/sim/gates, and for default cores by the campaign.
"""

import json

import pytest

from accel.bringup import netlist_check
from accel.flow.plan import BuildPlan
from accel.sim.gates.verify import Difference, Verified
from accel.target import bitstream, netlist
from tests.support.built import build_folder


@pytest.fixture
def verified(monkeypatch):
    """A function that sets what comes of a comparison; a list gets what was compared."""
    seen = []

    def put(difference=None, unknown_cycles=0):
        result = Verified(
            sent=10,
            answered=1,
            cycles=100,
            delay=1,
            unknown_cycles=unknown_cycles,
            samples=1,
            difference=difference,
        )

        def check(text, board, config, program, inputs, **options):
            seen.append((text, board.name, config, len(inputs), options["scenarios"]))
            return result

        def made(plan, output, on_progress, cache):
            return f"{plan.files['top.il'][:9]} for {plan.synthesis[0]}"

        def planned(board, config, seeds=(), *, spi=None):
            return BuildPlan(
                name="top",
                clock_mhz=board.clock.made_mhz,
                files={"top.il": "of a plan", "top.ys": ""},
                synthesis=("yosys", "top.ys"),
                place_and_route=(),
                pack=(),
                seeds=(),
            )

        monkeypatch.setattr(bitstream, "plan", planned)
        monkeypatch.setattr(netlist_check, "check_netlist", check)
        monkeypatch.setattr(netlist, "_netlist", made)
        return seen

    return put


def test_a_build_is_verified_as_its_own_sources_have_it(accel, verified, tmp_path):
    seen = verified()
    folder = build_folder(tmp_path / "b", "icebreaker")
    (folder / "top.il").write_text("kept file of the build")
    (folder / "top.ys").write_text("script")
    code, output, _ = accel("verify-netlist", folder, "--samples", "3", "--scenario", "abort")
    assert code == 0
    ((text, board, config, samples, scenarios),) = seen
    assert (text, board, samples, scenarios) == ("kept file for yosys", "icebreaker", 3, ["abort"])
    assert config.rows == 4
    assert "icebreaker: netlist of a 4x4 int8 core, 64 power-ups, 100 cycles" in output
    assert output.endswith("The netlist is the RTL\n")


def test_a_board_needs_no_build(accel, verified, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = verified()
    code, output, _ = accel("verify-netlist", "--board", "ulx3s_85f", "--json", "-")
    assert code == 0
    assert seen[0][:2] == ("of a plan for yosys", "ulx3s_85f")
    answer = json.loads(output)
    assert (answer["holds"], answer["difference"], answer["unknown_cycles"]) == (True, None, 0)


def test_the_first_difference_and_unknown_outputs_are_said(accel, verified):
    where = {"number": 7, "during": "after power-up: sample 0, layer conv2d_0", "rtl": 0x82}
    verified(Difference(netlist=0x83, lanes=(3, 9), **where), unknown_cycles=5)
    code, output, errors = accel("verify-netlist", "--board", "icebreaker", "--json", "-")
    assert code == 1
    said = (
        "byte 7 (after power-up: sample 0, layer conv2d_0): RTL says 0x82, the netlist something "
        "else in 2 of 64 lanes (3, 9)"
    )
    assert said in " ".join(errors.split())
    assert "outputs differ between power-ups in 5 cycles" in errors
    answer = json.loads(output)
    assert (answer["difference"]["text"], answer["holds"]) == (said, False)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"netlist": None, "lanes": ()}, "RTL says 0x82, the netlist nothing"),
        ({"netlist": 0x82, "lanes": (), "cycles": -2}, "0x82 comes 2 cycles earlier than in RTL"),
        ({"netlist": 1, "lanes": tuple(range(64))}, "the netlist something else in all 64 lanes"),
    ],
)
def test_a_difference_says_what_it_is(found, said):
    assert str(Difference(number=1, during="loading", rtl=0x82, **found)).endswith(said)


def test_what_cannot_be_verified_is_one_message(refused, tmp_path):
    missing = tmp_path / "b"
    assert refused("verify-netlist", missing).startswith(f"{missing}: does not exist; build one")
    folder = build_folder(missing, "icebreaker")
    assert refused("verify-netlist", folder).startswith(
        f"{folder}: does not have what it was built from"
    )
    (folder / "top.il").touch()
    (folder / "top.ys").touch()
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**report, "spi": {"sck": "1"}}))
    assert refused("verify-netlist", folder) == (
        f"{folder}: has its link over SPI, and a netlist is talked to over a UART; build one "
        "without --spi: accel build --board icebreaker -o DIR"
    )
    said = refused("verify-netlist", "--board", "icebreaker", "--scenario", "fire")
    assert said == "Scenario must be one of power-up, lost-lock, mid-frame, abort, not 'fire'"
