"""The digits network on exported cores in Icarus Verilog, of each family's cells and on each bus.

    python -m tests.campaigns.exported_verilog

A core's testbench expects what our own RTL of that core answered, byte for byte, and its cycles.
The cells are Yosys's models; those of the ECP5's DP16KD and MULT18X18D are our own.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from accel.cli.options.values import configuration
from accel.config import FAMILIES, AcceleratorConfig
from accel.core.buses import BUSES
from accel.export.verilog.export import export
from tests.support.verilog import ICARUS, simulate

SIZES = {
    "generic": {"rows": 4, "columns": 4},
    "ice40up": {"rows": 4, "columns": 4},
    "ice40hx": {"rows": 4, "columns": 4, "element": "booth", "weight_steps": 512},
    "ecp5": {"rows": 4, "columns": 8, "requantizers": 2},
}


def core_of(family: str) -> AcceleratorConfig:
    """A core of a family's own cells."""
    return configuration(None, {"family": family, **SIZES[family]})


def main() -> int:
    """Simulate all, and return 1 if one has failed."""
    parser = argparse.ArgumentParser(description="Run exported cores in Icarus Verilog.")
    parser.add_argument("--family", choices=FAMILIES, help="only this one")
    parser.add_argument("--bus", choices=list(BUSES), help="only this one")
    options = parser.parse_args()
    if not ICARUS:
        raise SystemExit("Icarus Verilog is missing; install iverilog")
    failed = 0
    for family in [options.family] if options.family else FAMILIES:
        for bus in [options.bus] if options.bus else BUSES:
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as place:
                made = export(core_of(family), Path(place, "core"), bus=bus)
                code, text = simulate(made.folder, family)
            failed += bool(code)
            said = text.strip().splitlines()[-1]
            print(f"{family}, {bus}: {said} ({time.monotonic() - started:.0f} s)", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
