"""A counter that has wrapped around is the count nearest to what is expected."""

from hypothesis import given
from hypothesis import strategies as st

from accel.host.run_results import Counters
from accel.protocol import COUNTER_BITS

TURN = 1 << COUNTER_BITS
COUNTS = st.integers(0, 5 * TURN)


@given(COUNTS, st.integers(-TURN // 2 + 1, TURN // 2 - 1))
def test_a_count_is_the_one_nearest_to_what_is_expected(count, error):
    expected = Counters(*[max(0, count + error)] * 4)
    assert Counters(*[count % TURN] * 4).unwrapped(expected) == Counters(*[count] * 4)


@given(st.integers(0, TURN - 1))
def test_nothing_goes_round_where_nothing_is_expected(count):
    counters = Counters(count, count, count, count)
    assert counters.unwrapped(Counters(0, 0, 0, 0)) == counters
