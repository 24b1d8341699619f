"""A sweep does each piece of work once, routes what promises most, and goes on after a stop."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import accel
from accel.explore import made_by, work
from accel.explore.executors import WorkLost, local
from accel.explore.network import Network
from accel.explore.point import Point, Space
from accel.explore.search import search
from accel.explore.store import Store
from accel.explore.sweep import NothingFeasible, Sweep, feasible, pareto_fronts, worth_routing

DIGITS = Path(__file__).parents[2] / "examples/digits"
SPACE = Space(["icebreaker"], {"rows": [2, 4, 8], "columns": [2, 4]})


@pytest.fixture(scope="module")
def network():
    return Network.read(DIGITS / "digits_int8.tflite")


@pytest.fixture
def built(monkeypatch):
    """Place and route that takes no time; the points that were built."""
    points = []

    def routed(point, seeds):
        points.append(point)
        used = {"LC": 100 * len(str(point))}
        fmax = {"median": 30.0, "seeds": [{"seed": s, "signed_off": 30.0} for s in seeds]}
        return {"used": used, "fmax_mhz": fmax, "critical_path": None, "tools": [], "problem": None}

    monkeypatch.setattr(work, "routed", routed)
    return points


def sweep(network, folder, executor, **options):
    return Sweep([network], executor, Store(folder), **options)


def test_estimates_have_the_compilers_cycles_and_say_what_does_not_fit(network, tmp_path):
    with ThreadPoolExecutor(1) as executor:
        outcomes = sweep(network, tmp_path, executor).estimate(SPACE)
    assert [outcome.point for outcome in outcomes] == list(SPACE)
    by_size = {tuple(dict(o.point.changes).values()): o for o in outcomes}
    program = accel.compile(DIGITS / "digits_int8.tflite", board="icebreaker")
    assert by_size[4, 4].cycles == program.report().cycles
    assert "DSP" in by_size[8, 4].problem


def test_an_interrupted_sweep_goes_on_where_it_stopped(network, tmp_path, built, monkeypatch):
    calls = []
    estimated = work.estimated

    def interrupted(point, networks):
        calls.append(point)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return estimated(point, networks)

    monkeypatch.setattr(work, "estimated", interrupted)
    with ThreadPoolExecutor(1) as executor, pytest.raises(KeyboardInterrupt):
        sweep(network, tmp_path, executor).estimate(SPACE)
    kept = len(Store(tmp_path).results)
    assert 2 <= kept < len(SPACE)
    calls[:] = [None] * 10
    with ThreadPoolExecutor(1) as executor:
        again = sweep(network, tmp_path, executor)
        outcomes = again.estimate(SPACE)
        assert len(calls) - 10 == len(SPACE) - kept
        again.route_promising(outcomes, 2)
        assert len(built) == 2
        third = sweep(network, tmp_path, executor)
        third.route_promising(third.estimate(SPACE), 2)
    assert len(calls) - 10 == len(SPACE) - kept
    assert len(built) == 2


def test_routed_points_have_what_was_measured(network, tmp_path, built):
    with ThreadPoolExecutor(1) as executor:
        one = sweep(network, tmp_path, executor, seeds=(1, 2))
        chosen = worth_routing(one.estimate(SPACE), 1)
        assert not chosen[0].is_routed
        one.route(chosen)
    assert chosen[0].is_routed
    assert chosen[0].fmax_mhz == 30.0
    assert chosen[0].logic == chosen[0].as_dict()["used"]["LC"] == 100 * len(str(built[0]))
    (front,) = pareto_fronts([o for o in one.points.values() if o.is_routed])
    assert list(front.outcomes) == chosen


def test_time_is_said_of_core_and_link_at_the_estimated_and_then_the_routed_clock(
    network, tmp_path, built
):
    program = accel.compile(DIGITS / "digits_int8.tflite", board="icebreaker")
    with ThreadPoolExecutor(1) as executor:
        work_ = sweep(network, tmp_path, executor)
        (point,) = work_.estimate([Point("icebreaker", (("rows", 4), ("columns", 4)))])
        for _ in range(2):
            timing = program.timing(clock_mhz=point.fmax_mhz)
            found = point.as_dict()
            for key, value in timing.as_dict().items():
                assert found[key] == pytest.approx(value, rel=1e-4)
            assert found["time"] == str(timing)
            work_.route([point])
    assert point.is_routed
    assert point.fmax_mhz == 30


def test_the_next_point_takes_the_place_of_one_that_turns_out_not_to_fit(
    network, tmp_path, built, monkeypatch
):
    routed = work.routed

    def too_large(point, seeds):
        if dict(point.changes)["columns"] == 4:
            return {"problem": "too large"}
        return routed(point, seeds)

    monkeypatch.setattr(work, "routed", too_large)
    with ThreadPoolExecutor(1) as executor:
        one = sweep(network, tmp_path, executor)
        outcomes = one.estimate(SPACE)
        possible = [o for o in feasible(outcomes) if dict(o.point.changes)["columns"] == 2]
        assert any(dict(o.point.changes)["columns"] == 4 for o in feasible(outcomes))
        one.route_promising(outcomes, len(possible))
        assert {o.point for o in outcomes if o.is_routed} == {o.point for o in possible}
        one.route_promising(outcomes, len(outcomes))  # no more than there are
    assert len(built) == len(possible)


def test_a_space_without_a_feasible_point_is_told_with_its_reasons(network, tmp_path):
    with ThreadPoolExecutor(1) as executor:
        outcomes = sweep(network, tmp_path, executor).estimate(
            Space(["icebreaker"], {"rows": [16]})
        )
    with pytest.raises(
        NothingFeasible, match=r"(?s)None of the 1 points can be built:\n  1 of 1: .*DSP"
    ):
        feasible(outcomes)


def test_optuna_searches_a_space_that_is_too_large(network, tmp_path):
    axes = {"rows": [2, 4], "columns": [2, 4], "weight_steps": [512, 1024, 2048, 4096]}
    with ThreadPoolExecutor(1) as executor:
        one = sweep(network, tmp_path, executor)
        outcomes = search(one, Space(["icebreaker"], axes), trials=12, together=4)
    assert 1 < len(outcomes) <= 12
    assert feasible(outcomes)


def test_processes_of_this_machine_do_the_work(network, tmp_path):
    with local(2) as executor:
        outcomes = sweep(network, tmp_path, executor).estimate(SPACE)
    with ThreadPoolExecutor(1) as executor:
        same = sweep(network, tmp_path / "other", executor).estimate(SPACE)
    assert [o.as_dict() for o in outcomes] == [o.as_dict() for o in same]


def test_processes_that_die_are_told_and_nothing_is_lost(network, tmp_path):
    class Dying(ThreadPoolExecutor):
        def submit(self, function, point, *rest):
            from concurrent.futures.process import BrokenProcessPool

            def die(*_):
                raise BrokenProcessPool("killed")

            last = dict(point.changes) == {"rows": 8, "columns": 4}
            return super().submit(die if last else function, point, *rest)

    with Dying(1) as executor, pytest.raises(WorkLost, match="5 of 6 are kept"):
        sweep(network, tmp_path, executor).estimate(SPACE)
    assert len(Store(tmp_path).results) == 5


def test_accuracy_is_that_of_the_labelled_data(tmp_path):
    data = DIGITS / "test_images.npz"
    network = Network.read(DIGITS / "digits_int8.tflite", data)
    with ThreadPoolExecutor(1) as executor:
        (outcome,) = sweep(network, tmp_path, executor).estimate([Point("icebreaker", ())])
    x, y = network.samples()
    program = accel.compile(DIGITS / "digits_int8.tflite", board="icebreaker")
    answers = program.run(x).output.reshape(len(x), -1).argmax(axis=1)
    assert outcome.accuracy == pytest.approx((answers == y).mean())


def test_a_problem_that_passes_is_told_and_tried_again(network, tmp_path, monkeypatch, built):
    routed, failing = work.routed, [True]

    def full(point, seeds):
        if failing:
            return {"problem": "the disk is full", work.PASSES: True}
        return routed(point, seeds)

    monkeypatch.setattr(work, "routed", full)
    with ThreadPoolExecutor(1) as executor:
        first = sweep(network, tmp_path, executor)
        outcomes = feasible(first.estimate(SPACE))[:1]
        assert first.route(outcomes)[0].problem == "the disk is full"
        failing.clear()
        again = sweep(network, tmp_path, executor)
        outcomes = feasible(again.estimate(SPACE))[:1]
        assert again.route(outcomes)[0].is_routed


@pytest.mark.parametrize("by", ["sources", "tools"])
def test_what_other_sources_or_tools_made_is_made_anew(network, tmp_path, monkeypatch, built, by):
    with ThreadPoolExecutor(1) as executor:
        first = sweep(network, tmp_path, executor)
        first.route(feasible(first.estimate(SPACE))[:1])
        kept = len(first.store.results)
        monkeypatch.setattr(made_by, by, lambda *family: {"other": by})
        again = sweep(network, tmp_path, executor)
        again.route(feasible(again.estimate(SPACE))[:1])
        estimates = len(SPACE) + 1 if by == "sources" else 0  # and what the link takes
        assert len(again.store.results) == kept + estimates + 1
