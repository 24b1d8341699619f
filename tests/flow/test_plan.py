# amaranth: UnusedElaboratable=no
"""A plan is whole without any tool, and its digest is that of the design."""

import dataclasses


def test_a_plan_needs_no_tool(monkeypatch, make_ice40_plan, ice40_plan):
    monkeypatch.setenv("PATH", "")
    again = make_ice40_plan()
    assert again.tools == ("yosys", "nextpnr-ice40", "icepack")
    assert set(again.files) == {"top.il", "top.ys", "top.pcf"}
    assert again.digest() == ice40_plan.digest()


def test_a_plan_does_not_tell_where_the_sources_lie(ice40_plan):
    assert "conftest.py" not in ice40_plan.files["top.il"]


def test_the_digest_changes_with_everything_that_decides_the_result(ice40_plan):
    changes = (
        {"seeds": (1,)},
        {"clock_mhz": 13.0},
        {"files": {**ice40_plan.files, "top.pcf": ""}},
        {"place_and_route": (*ice40_plan.place_and_route, "--freq", "13")},
    )
    digests = {dataclasses.replace(ice40_plan, **change).digest() for change in changes}
    assert len(digests | {ice40_plan.digest()}) == 1 + len(changes)


def test_options_reach_place_and_route(ecp5_plan):
    assert ecp5_plan.tools == ("yosys", "nextpnr-ecp5", "ecppack")
    assert ecp5_plan.place_and_route[-2:] == ("--router", "router2")
