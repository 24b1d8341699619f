"""The front is what nothing beats, whatever the points."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from accel.explore.front import groups, promising, ranks, shares

COSTS = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(0, 5)
)


def beats(a, b):
    return bool((a <= b).all() and (a < b).any())


@given(COSTS)
def test_rank_0_is_what_no_point_beats(costs):
    for index, rank in enumerate(ranks(costs)):
        assert (rank == 0) == (not any(beats(other, costs[index]) for other in costs))


@given(COSTS)
def test_a_point_that_beats_another_has_a_lower_rank(costs):
    rank = ranks(costs)
    for i, a in enumerate(costs):
        for j, b in enumerate(costs):
            if beats(a, b):
                assert rank[i] < rank[j]


@given(COSTS, st.integers(0, 40))
def test_promising_points_are_of_the_first_fronts_and_as_many_as_asked_for(costs, count):
    chosen, rank = promising(costs, count), ranks(costs)
    assert len(chosen) == len(set(chosen)) == min(count, len(costs))
    left = [rank[i] for i in range(len(costs)) if i not in chosen]
    assert not left or all(rank[i] <= min(left) for i in chosen)


# No point of these beats another, and the objectives are of very different size.
FRONTS = st.lists(st.integers(0, 99), min_size=4, max_size=20, unique=True).map(
    lambda values: np.array([sorted(values), sorted(values, reverse=True)], np.float64).T
)
UNITS = st.tuples(*[st.integers(-20, 20)] * 2).map(lambda powers: 2.0 ** np.array(powers))


@given(FRONTS, UNITS, st.integers(2, 6))
@example(np.array([[0.0, 9.0], [1.0, 8.0], [2.0, 1.0], [9.0, 0.0]]), np.array([1.0, 1024.0]), 3)
def test_no_unit_of_an_objective_changes_which_points_are_promising(front, units, count):
    """Latency in seconds and logic in thousands of cells weigh alike: powers of 2 are exact."""
    assert promising(front * units, count) == promising(front, count)


def test_the_points_that_are_chosen_of_a_front_lie_far_apart():
    """Of a best first one, the other end, and then what is in the middle by both objectives."""
    front = np.array([[0, 1000], [1, 998], [2, 996], [5, 500], [9, 4], [10, 0]], np.float64)
    assert promising(front, 1) == [0]
    assert promising(front, 2) == [0, 5]
    assert promising(front, 3) == [0, 3, 5] or promising(front, 3) == [0, 5, 3]


def test_an_objective_that_is_the_same_of_all_decides_nothing():
    front = np.array([[0.0, 5.0, 9.0], [4.0, 5.0, 1.0], [9.0, 5.0, 0.0]])
    assert sorted(promising(front, 2)) == [0, 2]


BOARDS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.tuples(*[st.none() | st.floats(-9, 9) for _ in range(3)]),
    ),
    min_size=1,
    max_size=20,
)


@given(BOARDS)
def test_each_board_has_a_front_of_its_own_in_what_is_known_of_all_its_points(points):
    names = ("latency", "logic", "energy")
    costs = [dict(zip(names, values, strict=True)) for _, values in points]
    found = groups([board for board, _ in points], costs)
    assert [group.board for group in found] == list(dict.fromkeys(board for board, _ in points))
    assert sorted(i for group in found for i in group.members) == list(range(len(points)))
    for group in found:
        assert {points[i][0] for i in group.members} == {group.board}
        assert sorted(group.objectives + group.left_out) == sorted(names)
        for name in names:
            known = all(costs[i][name] is not None for i in group.members)
            assert (name in group.objectives) == known
        assert np.isfinite(group.costs(costs)).all()


def test_what_is_not_known_is_never_the_best():
    """An unknown energy that counts as none would put the worse of two points on the front."""
    costs = [{"latency": 1.0, "energy": None}, {"latency": 2.0, "energy": 5.0}]
    (group,) = groups(["a", "a"], costs)
    assert group.left_out == ("energy",)
    assert ranks(group.costs(costs)).tolist() == [0, 1]


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(0, 40))
def test_points_are_dealt_out_evenly_among_boards(sizes, count):
    given_ = shares(sizes, count)
    assert sum(given_) == min(count, sum(sizes))
    assert all(share <= size for share, size in zip(given_, sizes, strict=True))
    for share, size in zip(given_, sizes, strict=True):
        if share < size:  # it would take more, and so none has got more than one beyond it
            assert max(given_) <= share + 1
