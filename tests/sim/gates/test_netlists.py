"""Small cores of every family, as synthesized for a board, answer as their RTL does: bytes,
counters and cycles, in 64 power-ups at once."""

import json
from functools import cache

import numpy as np
import pytest

import accel
from accel.bringup.netlist_check import UnknownScenario, check_netlist
from accel.config import FAMILIES
from tests.support.networks.small import images, two_convolutions
from tests.support.rtl.netlists import SMALL_CORES

pytestmark = pytest.mark.slow
SCENARIOS = {
    "ice40hx": (),  # all
    "ice40up": ("power-up", "lost-lock"),
    "ecp5": ("power-up", "lost-lock"),
}
# What is in each netlist beside LUTs and registers.
CELLS = {
    "ice40hx": {"SB_RAM40_4K", "SB_CARRY", "SB_PLL40_CORE"},
    "ice40up": {"SB_RAM40_4K", "SB_SPRAM256KA", "SB_MAC16", "SB_PLL40_PAD"},
    "ecp5": {"DP16KD", "MULT18X18D", "TRELLIS_DPR16X4", "CCU2C", "PFUMX", "DCCA", "USRMCLK"},
}


@pytest.fixture(autouse=True)
def quick_compiler(monkeypatch):
    monkeypatch.setenv("CXXFLAGS", "-Og")  # in a third of the time, and hardly slower code


@cache
def netlist(family):
    return SMALL_CORES[family].netlist()


def check(family, text, **options):
    core = SMALL_CORES[family]
    program = accel.compile(two_convolutions(), config=core.config).code
    assert bool(program.flash) == (core.config.flash_lanes > 0)
    return check_netlist(text, core.board, core.config, program, images(2), **options)


def test_there_is_one_of_every_family():
    assert {"generic", *SMALL_CORES} == {*FAMILIES}


@pytest.mark.parametrize("family", SMALL_CORES)
def test_the_netlist_answers_as_rtl_does_and_shows_nothing_unknown(family):
    top = json.loads(netlist(family))["modules"]["top"]
    assert {cell["type"] for cell in top["cells"].values()} >= CELLS[family]
    found = check(family, netlist(family), scenarios=SCENARIOS[family])
    assert found.difference is None, str(found.difference)
    assert found.unknown_cycles == 0
    assert found.holds
    assert found.delay == (0 if family == "ecp5" else 1)  # a register at the pad
    assert found.answered > 500


def test_swapped_inputs_of_a_lut_and_a_light_on_undefined_memory_are_found():
    design = json.loads(netlist("ice40hx"))
    top = design["modules"]["top"]
    luts = [cell for name, cell in top["cells"].items() if "core.array" in name]
    ports = next(filter(asymmetric, luts))["connections"]
    ports["I2"], ports["I3"] = ports["I3"], ports["I2"]
    light = top["cells"]["led.buf0"]
    memory = next(cell for cell in top["cells"].values() if cell["type"] == "SB_RAM40_4K")
    light["connections"]["D_OUT_0"] = memory["connections"]["RDATA"][:1]
    found = check("ice40hx", json.dumps(design), scenarios=["power-up"])
    assert not found.holds
    assert found.unknown_cycles > 0
    assert found.difference is not None
    assert str(found.difference).startswith(f"byte {found.difference.number} (")


def asymmetric(lut):
    """Whether a LUT tells its last two inputs apart, both of which are connected."""
    if lut["type"] != "SB_LUT4":
        return False
    table = int(lut["parameters"]["LUT_INIT"], 2)
    wired = all(isinstance(lut["connections"][pin][0], int) for pin in ("I2", "I3"))
    return wired and table >> 4 & 15 != table >> 8 & 15


def test_a_scenario_that_there_is_not_is_refused():
    with pytest.raises(UnknownScenario, match=r"^Scenario must be one of power-up, .*, not 'fire'"):
        check("ice40hx", "", scenarios=["fire"])


def test_the_samples_are_those_of_the_machine():
    """What RTL answers there is what the netlist is held to."""
    from accel.sim.gates.script import LineClock
    from accel.sim.gates.verify import recorded

    core = SMALL_CORES["ice40hx"]
    program = accel.compile(two_convolutions(), config=core.config)
    clock = LineClock.of(core.board.family, core.board.clock.made_mhz, core.board.link.baud)
    found = recorded(program.code, images(2), clock, ["power-up"])
    expected = program.run(images(2), executor="machine").output
    for one, other in zip(found.outputs, (*expected, expected[-1]), strict=True):
        np.testing.assert_array_equal(next(iter(one.values()))[0], other)
