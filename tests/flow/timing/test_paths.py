"""What is said of a timed path is what its steps add up to, and cells go by the design's names."""

import pytest

from accel.flow.timing.paths import PathStep, TimedPath, describe_cell


def path(*steps, periods=1.0):
    made = (
        PathStep(cell=cell, port=port, delay_ns=delay, is_routing=routing)
        for cell, port, delay, routing in steps
    )
    return TimedPath(steps=tuple(made), periods=periods)


# A clock that comes late, clock to out, and two look-up tables on the way to a register.
LONG = (
    ("a_SB_DFF_Q_DFFLC", "CLK", 0.25, True),
    ("a_SB_DFF_Q_DFFLC", "O", 1.5, False),
    ("b_SB_LUT4_O_LC", "I0", 0.75, True),
    ("b_SB_LUT4_O_LC", "O", 1.25, False),
    ("c_SB_LUT4_O_LC", "I1", 0.5, True),
    ("c_SB_LUT4_O_LC", "O", 1.25, False),
    ("d_SB_DFF_Q_DFFLC", "I3", 2.0, True),
    ("d_SB_DFF_Q_DFFLC", "I3", 0.375, False),
)


def test_logic_and_routing_make_the_whole():
    long = path(*LONG)
    assert long.delay_ns == 7.875
    assert long.routing_ns == 3.5
    assert long.logic_ns == 4.375
    assert long.fmax_mhz == pytest.approx(1e3 / 7.875)
    assert path(*LONG, periods=0.5).fmax_mhz == pytest.approx(500 / 7.875)


def test_a_sentence_counts_the_cells_between_the_ends():
    """Those that are reached by wires, without the last one."""
    long, direct = path(*LONG), path(*LONG[:2], *LONG[-2:])
    assert long.describe() == (
        "register a to register d through 2 cells: 7.88 ns (4.38 logic, 3.50 routing)"
    )
    assert direct.describe() == "register a to register d: 4.12 ns (1.88 logic, 2.25 routing)"
    half = path(*LONG, periods=0.5).describe()
    assert half.startswith("register a to register d through 2 cells, from one edge of the clock")


def test_a_report_keeps_every_step_in_picoseconds():
    long = path(*LONG)
    said = long.as_json()
    assert said["from"], said["to"] == ("register a", "register d")
    assert (said["delay_ns"], said["logic_ns"], said["routing_ns"]) == (7.875, 4.375, 3.5)
    assert said["words"] == long.describe()
    assert len(said["cells"]) == 8
    assert said["cells"][2] == {
        "cell": "b_SB_LUT4_O_LC",
        "port": "I0",
        "delay_ns": 0.75,
        "routing": True,
    }


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("top.core.sum_SB_DFFE_Q_DFFLC", "register top.core.sum"),
        ("top.x_TRELLIS_FF_Q", "register top.x"),
        ("top.mac_DSP", "multiplier top.mac"),
        ("top.mem.spram", "SPRAM top.mem.spram"),
        ("top.mem.0.0_RAM", "block RAM top.mem.0.0"),
        ("top.add_SB_CARRY_CO$nextpnr_LC", "carry chain top.add"),
        ("top.f_SB_LUT4_O_LC", "logic top.f"),
        ("something", "cell something"),
    ],
)
def test_a_cell_is_named_after_what_it_was_made_of(cell, words):
    assert describe_cell(cell) == words
