"""What is done for a point reaches the tools as it should, and comes back as plain data."""

from unittest.mock import create_autospec

import pytest

from accel.errors import ToolError
from accel.explore import work
from accel.explore.point import Point, Space
from accel.flow.build import BuildResult, build
from accel.flow.output import OutputUnusable
from accel.flow.tools import ToolFailed, ToolMisnamed, ToolNotFound
from accel.target import bitstream

REPORT = {
    "utilization": {"LC": {"used": 4000, "available": 5280}},
    "fmax_mhz": {"median": 40.0, "seeds": []},
    "critical_path": {"words": "from here to there"},
    "tools": [],
}


@pytest.fixture
def point() -> Point:
    (found,) = Space(["icebreaker"], {"rows": [2], "columns": [4]})
    return found


@pytest.fixture
def flow(monkeypatch, tmp_path):
    """The flow, which takes no time but the arguments of the real one."""
    made = BuildResult(bitstream=tmp_path / "top.bin", report=REPORT)
    fake = create_autospec(build, return_value=made)
    monkeypatch.setattr(bitstream.flow, "build", fake)
    return fake


def test_a_point_is_built_on_one_core_with_its_own_configuration(point, flow):
    answer = work.routed(point, (1, 2))
    assert answer["problem"] is None
    assert (answer["used"], answer["critical_path"]) == ({"LC": 4000}, "from here to there")
    (plan, folder), options = flow.call_args
    assert plan.seeds == (1, 2)
    assert options["cores"] == 1
    assert options["facts"]["configuration"] == point.config().as_dict()
    assert not folder.parent.exists()


def test_a_log_that_goes_with_its_folder_is_not_named(point, flow, tmp_path):
    flow.side_effect = ToolFailed(
        tool="nextpnr",
        step="place and route",
        lines=("ERROR: no room",),
        log=tmp_path / "top.tim",
        remedy="take a smaller one",
    )
    assert work.routed(point, (1,)) == {
        "problem": "place and route: nextpnr failed; take a smaller one\n    ERROR: no room"
    }


def test_a_tool_that_fails_is_an_answer(point, flow):
    flow.side_effect = ToolError("place and route: no room")
    assert work.routed(point, (1,)) == {"problem": "place and route: no room"}


def _failed(**facts):
    given = {"tool": "yosys", "step": "synthesis", "lines": (), "log": None, "remedy": "wait"}
    return ToolFailed(**given, **facts)


@pytest.mark.parametrize(
    "problem, passes",
    [
        (_failed(lasting=True), False),
        (_failed(lasting=False), True),
        (ToolError("anything else"), False),
    ],
)
def test_a_problem_that_is_not_the_points_is_told_as_one_that_passes(point, flow, problem, passes):
    flow.side_effect = problem
    answer = work.routed(point, (1,))
    assert answer["problem"]
    assert answer.get(work.PASSES, False) == passes


@pytest.mark.parametrize("fault", [ToolNotFound, ToolMisnamed, OutputUnusable])
def test_what_is_wrong_with_a_machine_is_no_result_of_a_point(fault, point, flow):
    """It would be kept, and the point be left out for good."""
    flow.side_effect = fault("no such tool")
    with pytest.raises(fault, match=r"^no such tool$"):
        work.routed(point, (1,))
