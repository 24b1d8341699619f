"""Compiled RTL: what is said of a core's parts holds, and what is refused is said."""

import re
import subprocess

import pytest

from accel.config import AcceleratorConfig
from accel.flow.tools import find_tool
from accel.sim.rtl import compiled
from accel.sim.rtl.harness import FLASH_BYTES, Harness
from accel.sim.rtl2cpp.netlist import read

CONFIG = AcceleratorConfig(rows=2, columns=2, bank_words=256, weight_steps=80, flash_lanes=1)


def test_what_mostly_rests_is_there_by_the_names_that_the_harness_has_for_it(tmp_path):
    """Other names would leave answers as they are, and make a simulation slow."""
    (tmp_path / "core.il").write_text(compiled._rtlil(CONFIG, Harness, FLASH_BYTES))
    command = [find_tool("yosys").executable, "-q", "-p", compiled._SCRIPT]
    subprocess.run(command, cwd=tmp_path, check=True)
    cells = read((tmp_path / "core.json").read_text()).cells
    kinds = "$dff", "$dffe"
    registers = {name for cell in cells if cell.type in kinds for name in cell.names}
    assert {*Harness.rest.restless} <= registers
    resting = [module for group in Harness.rest.modules for module in group]
    count = sum(f"{cell.module}.".startswith(tuple(f"{m}." for m in resting)) for cell in cells)
    assert all(any(cell.module.startswith(module) for cell in cells) for module in resting)
    assert count > len(cells) / 3


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_compiler_that_says_nothing_is_refused(tmp_path, monkeypatch):
    silent = script(tmp_path / "silent", "")
    monkeypatch.setenv("CXX", silent)
    message = f"CXX must name a C++ compiler, not '{silent}', which does not tell its version"
    with pytest.raises(compiled.ToolMisnamed, match=f"^{re.escape(message)}"):
        compiled.find_compiler()


def test_a_compiler_whose_version_is_no_text_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", script(tmp_path / "odd", r"printf '\377\376 1.0\n'"))
    assert compiled.find_compiler().version == "\ufffd\ufffd 1.0"


def test_a_compiler_that_makes_nothing_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled, "run_tool", lambda *_: None)
    monkeypatch.setattr(compiled, "cpp", lambda *_: "")
    monkeypatch.setattr(compiled, "read", lambda *_: None)
    monkeypatch.setattr(compiled, "check_netlist", lambda *_: None)
    (tmp_path / "core.json").write_text("{}")
    compiler = compiled.Compiler(("/usr/bin/true",), "true")
    with pytest.raises(
        compiled.CannotCompileRtl, match=r"^true made no library; set CXX to a C\+\+ compiler"
    ):
        compiled._compile("", tmp_path, compiler, "yosys", (), Harness)


def test_flags_of_the_environment_come_last_and_another_simulator_is_made(tmp_path, monkeypatch):
    keys, commands = [], []
    monkeypatch.setattr(compiled, "library", lambda folder, key, make: keys.append((key, make)))
    monkeypatch.setattr(compiled, "_compile", lambda *arguments: commands.append(arguments[4]))
    monkeypatch.setattr(compiled, "_rtlil", lambda *_: "")
    for flags in ("", "-O1 '-DNAME=a b'", ""):
        monkeypatch.setenv("CXXFLAGS", flags)
        compiled.compiled(AcceleratorConfig())
        keys[-1][1](tmp_path)
    assert keys[0][0] == keys[2][0] != keys[1][0]
    assert commands[1] == (*commands[0], "-O1", "-DNAME=a b")


def test_flags_that_are_no_words_are_refused(monkeypatch):
    monkeypatch.setenv("CXXFLAGS", "-DNAME='a")
    said = "CXXFLAGS must hold a C++ compiler's flags, not \"-DNAME='a\" (No closing quotation); "
    with pytest.raises(compiled.ToolMisnamed, match=f"^{re.escape(said)}"):
        compiled.compiled(AcceleratorConfig())
