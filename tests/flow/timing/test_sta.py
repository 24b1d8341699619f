"""The longest paths of random designs are those that a search of all paths finds."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.flow.timing.delays import Cell, Delays
from accel.flow.timing.sta import clock_of, longest_paths

CLOCKS = [("clock", "O"), ("other", "O")]


def register(clock_to_out: int, setup: int, falling: bool = False) -> Cell:
    edges = frozenset({("D", "CLK")}) if falling else frozenset()
    return Cell(
        kind="DFF", arcs={("CLK", "Q"): clock_to_out}, setups={("D", "CLK"): setup}, falling=edges
    )


def gate(*delays: int) -> Cell:
    arcs = {(f"I{i}", "O"): delay for i, delay in enumerate(delays)}
    return Cell(kind="LUT", arcs=arcs, setups={})


@st.composite
def designs(draw) -> Delays:
    """Registers of two clocks and either edge, and gates that are fed by what comes before them."""
    times, skews = st.integers(0, 3000), st.integers(0, 900)  # less than what a register takes
    cells, wires, drivers = {}, {}, []
    for i in range(draw(st.integers(1, 5))):
        cells[f"r{i}"] = register(1000 + draw(times), draw(times), draw(st.booleans()))
        wires[f"r{i}", "CLK"] = (draw(st.sampled_from(CLOCKS)), draw(skews))
        drivers.append((f"r{i}", "Q"))
    registers = list(cells)
    drivers.append(("pad", "I"))  # of which nothing is known
    for i in range(draw(st.integers(0, 5))):
        cells[f"g{i}"] = gate(*draw(st.lists(times, min_size=1, max_size=3)))
        for start, _ in cells[f"g{i}"].arcs:
            wires[f"g{i}", start] = (draw(st.sampled_from(drivers)), draw(times))
        drivers.append((f"g{i}", "O"))
    for name in registers:
        wires[name, "D"] = (draw(st.sampled_from(drivers)), draw(times))
    return Delays(cells=cells, wires=wires)


def searched(delays: Delays, clock, skew: bool):
    """Of each end and each edge that paths to it begin with: ps of the longest one, and periods."""
    late = {n: delays.wires[n, "CLK"][1] if skew else 0 for n in delays.cells if n[0] == "r"}
    found = defaultdict(int)

    def follow(pin, time, falling):
        for (name, port), (source, delay) in delays.wires.items():
            if source != pin or port == "CLK":
                continue
            cell = delays.cells[name]
            if port == "D":
                if delays.wires[name, "CLK"][0] == clock:
                    total = time + delay + cell.setups["D", "CLK"] - late[name]
                    periods = 1.0 if bool(cell.falling) == falling else 0.5
                    key = name, falling, periods
                    found[key] = max(found.get(key, total), total)
            else:
                follow((name, "O"), time + delay + cell.arcs[port, "O"], falling)

    for name, begin in late.items():
        if delays.wires[name, "CLK"][0] == clock:
            cell = delays.cells[name]
            follow((name, "Q"), begin + cell.arcs["CLK", "Q"], bool(cell.falling))
    return {(name, periods, total) for (name, _, periods), total in found.items()}


@settings(max_examples=200)
@given(designs(), st.booleans())
def test_the_longest_paths_are_those_of_a_search_of_all(delays, skew):
    answer = longest_paths(delays, skew=skew)
    assert set(answer) == {delays.wires[n, "CLK"][0] for n in delays.cells if n[0] == "r"}
    for clock, paths in answer.items():
        found = {(p.steps[-1].cell, p.periods, round(1e3 * p.delay_ns)) for p in paths}
        assert found == searched(delays, clock, skew)
        assert len(found) == len(paths)
        # What leaves the least of its clock comes first.
        late = [path.delay_ns / path.periods for path in paths]
        assert late == pytest.approx(sorted(late, reverse=True))


@settings(max_examples=100)
@given(designs(), st.booleans())
def test_each_path_goes_along_wires_and_through_cells(delays, skew):
    for clock, paths in longest_paths(delays, skew=skew).items():
        for path in paths:
            first, *steps, last = path.steps
            end = delays.wires[last.cell, "CLK"]
            assert delays.wires[first.cell, first.port][0] == clock == end[0]
            captured = end[1] if skew else 0
            launched = delays.wires[first.cell, first.port][1] if skew else 0
            assert first.delay_ns == pytest.approx((launched - captured) / 1e3)
            assert first.is_routing
            at = first
            for step in steps:
                if step.is_routing:
                    source, delay = delays.wires[step.cell, step.port]
                    assert source == (at.cell, at.port)
                else:
                    assert step.cell == at.cell
                    delay = delays.cells[step.cell].arcs[at.port, step.port]
                assert step.delay_ns == pytest.approx(delay / 1e3)
                at = step
            assert (last.cell, last.port, last.is_routing) == (at.cell, at.port, False)
            assert last.delay_ns == delays.cells[last.cell].setups["D", "CLK"] / 1e3


@settings(max_examples=200)
@given(designs(), st.integers(1, 2))
def test_as_many_ends_as_asked_for_are_the_worst_of_all(delays, count):
    every = longest_paths(delays)
    for clock, paths in longest_paths(delays, count=count).items():
        assert len(paths) == min(count, len(every[clock]))
        worst = [path.delay_ns / path.periods for path in every[clock][:count]]
        assert [path.delay_ns / path.periods for path in paths] == pytest.approx(worst)


def shift(skews: tuple[int, int]) -> Delays:
    """A register that feeds another; the clock comes to both at these times."""
    wires = {(name, "CLK"): (CLOCKS[0], late) for name, late in zip("ab", skews, strict=True)}
    wires |= {("b", "D"): (("a", "Q"), 500)}
    return Delays(cells={"a": register(1000, 9), "b": register(7, 250)}, wires=wires)


@pytest.mark.parametrize(("skews", "delay"), [((0, 0), 1.75), ((300, 0), 2.05), ((0, 300), 1.45)])
def test_a_clock_that_comes_later_to_the_start_makes_a_path_longer(skews, delay):
    ((path,),) = longest_paths(shift(skews)).values()
    assert path.delay_ns == pytest.approx(delay)
    ((path,),) = longest_paths(shift(skews), skew=False).values()
    assert path.delay_ns == pytest.approx(1.75)
    assert path.fmax_mhz == pytest.approx(1e3 / 1.75)


def test_no_path_goes_from_one_clock_to_another():
    delays = shift((0, 0))
    delays.wires["b", "CLK"] = (CLOCKS[1], 0)
    assert longest_paths(delays) == {CLOCKS[0]: (), CLOCKS[1]: ()}


def test_a_clock_is_named_by_the_pin_that_drives_it():
    delays = shift((0, 0))
    assert clock_of(delays, "a", "CLK") == CLOCKS[0]
    assert clock_of(delays, "a", "Q") is None


def test_a_loop_is_found_after_what_is_none():
    delays = shift((0, 0))
    cells = {**delays.cells, "loop": gate(1, 1)}
    wires = delays.wires | {("loop", "I0"): (("b", "Q"), 1), ("loop", "I1"): (("loop", "O"), 1)}
    with pytest.raises(
        ValueError, match=r"^Logic must have no combinational loop, and 'loop' is on"
    ):
        longest_paths(Delays(cells=cells, wires=wires))
