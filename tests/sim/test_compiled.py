"""Compiled RTL: what is said of a core's parts holds, and what is refused is said."""

import subprocess

from accel.config import AcceleratorConfig
from accel.flow.tools import find_tool
from accel.sim import compiled
from accel.sim.harness import Harness
from accel.sim.netlist import read

CONFIG = AcceleratorConfig(rows=2, columns=2, bank_words=256, weight_steps=80, flash_lanes=1)


def test_what_mostly_rests_is_there_by_the_names_that_the_harness_has_for_it(tmp_path):
    """Other names would leave answers as they are, and make a simulation slow."""
    (tmp_path / "core.il").write_text(compiled._rtlil(CONFIG, Harness))
    command = [find_tool("yosys").executable, "-q", "-p", compiled._SCRIPT]
    subprocess.run(command, cwd=tmp_path, check=True)
    cells = read((tmp_path / "core.json").read_text()).cells
    registers = {name for cell in cells if cell.type == "$dff" for name in cell.names}
    assert {*Harness.rest.restless} <= registers
    resting = [module for group in Harness.rest.modules for module in group]
    count = sum(f"{cell.module}.".startswith(tuple(f"{m}." for m in resting)) for cell in cells)
    assert all(any(cell.module.startswith(module) for cell in cells) for module in resting)
    assert count > len(cells) / 3
