"""The exported core on AXI4-Lite, with the bus master of cocotbext-axi in Icarus Verilog.

That master is not ours: it waits between its channels at random, and has the standard's rules.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.export.verilog.conftest import SMALL
from tests.support.verilog import ICARUS

needed = ("cocotb", "cocotbext", "cocotb_tools")
missing = [name for name in needed if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(not ICARUS, reason="needs Icarus Verilog"),
    pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}"),
]
BENCH = "tests.export.verilog.cocotb_benches"
ROOT = Path(__file__).resolve().parents[3]
_RUN = """
import sys
from cocotb_tools.runner import get_runner
top, source, module, folder = sys.argv[1:]
runner = get_runner("icarus")
runner.build(sources=[source], hdl_toplevel=top, build_dir=folder, timescale=("1ns", "1ps"))
result = runner.test(hdl_toplevel=top, test_module=module, build_dir=folder, test_dir=folder)
from cocotb_tools.check_results import get_results
ran, failed = get_results(result)
sys.exit(failed > 0 or ran == 0)
"""


@pytest.mark.parametrize("bus", ["axi4lite"])  # axis: tests/campaigns/exported_verilog.py
def test_a_master_that_is_not_ours_talks_with_the_exported_core(exported, tmp_path, bus):
    module = exported(bus).facts.module
    source = exported(bus).folder / f"{module}.v"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COCOTB_TEST_FILTER": f"on_{bus}$"}
    environment["ACCEL_IDENTITY"] = _identity()
    command = [sys.executable, "-c", _RUN, module, str(source), BENCH, str(tmp_path / "build")]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert re.search(rf"on_{bus} +PASS", done.stdout), done.stdout


def _identity() -> str:
    from accel.identity import identity

    return identity(SMALL).hex()
