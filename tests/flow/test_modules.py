"""The logic of a design is told by module, from the names of a flat netlist's cells."""

import json

from accel.flow.modules import logic_of_modules


def netlist(cells: dict[str, str]) -> str:
    made = {name: {"type": kind} for name, kind in cells.items()}
    return json.dumps({"modules": {"top": {"cells": made}, "SB_LUT4": {"cells": {}}}})


def test_cells_belong_to_the_module_that_their_name_begins_with():
    cells = {
        "core.array.sum_0_SB_LUT4_O": "SB_LUT4",
        "core.array.products.low_SB_LUT4_O": "SB_LUT4",
        "core.array.sum_0_SB_DFFE_Q": "SB_DFFE",
        "core.counters_SB_DFFESR_Q": "SB_DFFESR",  # the core's own
        "core.requantizer_0.i$23_SB_LUT4_O": "SB_LUT4",
        "core.requantizer_1.i$23_SB_LUT4_O": "SB_LUT4",
        "core.requantizer_1.o_SB_LUT4_O": "SB_LUT4",
        "core.weights$228.memory.0.0": "SB_RAM40_4K",
        "$abc$123$lut": "SB_LUT4",
    }
    found = logic_of_modules(netlist(cells), "top")
    assert found == {
        "core.requantizer": {"logic": 3, "registers": 0},
        "core.array": {"logic": 2, "registers": 1},
        "other": {"logic": 1, "registers": 0},
        "core": {"logic": 0, "registers": 1},
    }
    assert list(found)[:2] == ["core.requantizer", "core.array"]  # the largest first


def test_cells_of_the_ecp5_have_several_tables():
    cells = {"a.b.c_CCU2C_S0": "CCU2C", "a.b.d_LUT4_Z": "LUT4", "a.b.e_TRELLIS_FF_Q": "TRELLIS_FF"}
    assert logic_of_modules(netlist(cells), "top") == {"a.b": {"logic": 3, "registers": 1}}


def test_a_netlist_without_the_top_has_none():
    assert logic_of_modules('{"modules": {}}', "top") == {}
