"""The front is what nothing beats, whatever the points."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from accel.explore.front import promising, ranks

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
