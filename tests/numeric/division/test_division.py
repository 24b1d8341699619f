"""A division that is proved equals its rounding contract at every sum, and one that does not is
not.

The contracts' own definitions are in `accel.numeric.rounding`; nothing here knows how constants are
found.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.numeric.division import constants
from accel.numeric.division.division import (
    BIAS_BITS,
    DIVISOR_BITS,
    FORMS,
    FRACTION_BITS,
    OFFSET_BITS,
    OFFSET_DROPPED_BITS,
    OFFSET_SHARED_BITS,
    TOTAL_BITS,
)
from accel.numeric.division.solver import solve
from accel.numeric.rounding import CONTRACTS
from accel.numeric.rules.rules import Mean, Rescale
from accel.numeric.rules.thresholds import find_thresholds

PROVABLE = ("tflm", "single")  # ties that go to the even code are in no division
SEEDS = st.integers(0, 2**32 - 1)
CHANNELS = 40


class Steps:
    """A rule of one channel whose codes -128.. begin at sums of any distances."""

    low, channels = -128, 1

    def __init__(self, thresholds):
        self.thresholds = np.sort(thresholds)
        self.high = -128 + len(thresholds)

    def compute(self, acc):
        return np.searchsorted(self.thresholds, acc, side="right") - 128

    def take(self, channels):
        return self


def every_sum(least, greatest):
    return np.arange(least, greatest + 1, dtype=np.int64)[:, None]


def assert_fits(division, chosen=slice(None)):
    """The constants of the chosen channels are numbers that the records have room for."""
    for offset in (division.offset[chosen], division.offset_negative[chosen]):
        assert (offset >= 0).all() and (offset < 1 << OFFSET_BITS).all()
        assert not (offset % (1 << OFFSET_DROPPED_BITS)).any()
    shared = OFFSET_BITS - OFFSET_SHARED_BITS
    high, high_negative = division.offset >> shared, division.offset_negative >> shared
    assert (high == high_negative)[chosen].all()
    divisor = division.divisor[chosen]
    assert (divisor >= 1).all() and (divisor < 1 << DIVISOR_BITS).all()
    assert np.isin(division.form, range(FORMS)).all()


def random_channels(contract, seed, shifts):
    """A rule of many channels, biases, and ranges of sums on either or both sides of zero."""
    random = np.random.default_rng(seed)
    low = random.choice((-128, -128, random.integers(-128, 100)))
    rule = Rescale(
        contract,
        random.integers(2**30, 2**31, CHANNELS),
        random.integers(*shifts, CHANNELS, endpoint=True),
        int(random.integers(-128, 128)),
        int(low),
        int(random.integers(low, 128)),
    )
    span = 2 ** random.integers(0, 22, CHANNELS) * random.integers(1, 4, CHANNELS)
    least = -random.integers(0, span + 1)
    bias = random.integers(-(2**20), 2**20, CHANNELS) // 2 ** random.integers(0, 20, CHANNELS)
    return rule, bias, least, least + span


@pytest.mark.parametrize("contract", PROVABLE)
@settings(max_examples=40)
@given(SEEDS)
def test_every_multiplier_of_2_to_minus_15_and_more_is_proved(contract, seed):
    rule, bias, least, greatest = random_channels(contract, seed, (-14, 8))
    solution = solve(rule, bias, least, greatest)
    assert solution.proved.all()
    assert_fits(solution.division)


@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=40)
@given(SEEDS)
def test_what_is_proved_equals_the_contract_at_every_threshold(contract, seed):
    rule, bias, least, greatest = random_channels(contract, seed, (-20, 8))
    solution = solve(rule, bias, least, greatest)
    proved = np.flatnonzero(solution.proved)
    thresholds = find_thresholds(rule, least + bias, greatest + bias) - bias
    random = np.random.default_rng(seed).integers(least, greatest + 1, (500, CHANNELS))
    around = [thresholds + k for k in (-2, -1, 0, 1)]
    ends = [least[None], greatest[None], (-bias)[None], (-bias - 1)[None]]
    sums = np.clip(np.concatenate([random, *around, *ends]), least, greatest)
    answers = solution.division.compute(sums)
    np.testing.assert_array_equal(answers[:, proved], rule.compute(sums + bias)[:, proved])
    assert_fits(solution.division, proved)


@pytest.mark.parametrize("contract", PROVABLE)
@settings(max_examples=60)
@given(
    multiplier=st.integers(2**30, 2**31 - 1),
    shift=st.integers(-10, 3),
    zero_point=st.integers(-128, 127),
    bias=st.integers(-(2**15), 2**15),
    range_=st.lists(st.integers(-40_000, 40_000), min_size=2, max_size=2).map(sorted),
)
def test_every_single_sum_equals_the_contract(
    contract, multiplier, shift, zero_point, bias, range_
):
    rule = Rescale(contract, np.array([multiplier]), np.array([shift]), zero_point, -128, 127)
    least, greatest = range_
    solution = solve(rule, [bias], [least], [greatest])
    assert solution.proved.all()
    sums = every_sum(least, greatest)
    np.testing.assert_array_equal(solution.division.compute(sums), rule.compute(sums + bias))


@pytest.mark.parametrize("count", [1, 2, 3, 9, 49, 125, 1024])
@pytest.mark.parametrize(("low", "high"), [(-128, 127), (-3, 100), (0, 0)])
def test_a_mean_is_proved_and_equal_at_every_sum(count, low, high):
    least, greatest = -128 * count, 127 * count
    solution = solve(Mean(count, low, high), [0], [least], [greatest])
    assert solution.proved.all()
    sums = every_sum(least, greatest)
    np.testing.assert_array_equal(
        solution.division.compute(sums), Mean(count, low, high).compute(sums)
    )
    assert_fits(solution.division)


@settings(max_examples=300)
@given(
    st.lists(st.integers(-300, 300), min_size=1, max_size=6),
    st.integers(-50, 50),
    st.lists(st.integers(-350, 350), min_size=2, max_size=2).map(sorted),
)
def test_proved_says_whether_all_sums_are_equal(thresholds, bias, range_):
    """Also for steps of such distances that no division has."""
    rule, (least, greatest) = Steps(thresholds), range_
    solution = solve(rule, [bias], [least], [greatest])
    sums = every_sum(least, greatest)
    equal = (solution.division.compute(sums) == rule.compute(sums + bias)).all()
    assert bool(solution.proved[0]) == equal


def test_uneven_steps_are_not_proved():
    solution = solve(Steps([-200, -190, 5, 6, 300]), [0], [-350], [350])
    assert solution.proved.tolist() == [False]


@pytest.mark.parametrize("contract", PROVABLE)
def test_sums_beyond_the_hardwares_are_not_proved(contract):
    rule = Rescale(contract, np.full(3, 2**30), np.full(3, -8), 0, -128, 127)
    reach = 2 ** (TOTAL_BITS - 1)
    ranges = [[-reach, reach - 1], [-reach - 1, 10_000], [-10_000, reach]]
    solution = solve(rule, np.zeros(3), *np.array(ranges).T)
    assert solution.proved.all()  # the last two are split at a step
    far = [[-reach - 2**17, 10_000], [-10_000, reach + 2**17], [-reach, reach + 2**17]]
    assert not solve(rule, np.zeros(3), *np.array(far).T).proved.any()


@pytest.mark.parametrize("bias", [-(2**26), -(2**24), 0, 2**24, 2**26])
@pytest.mark.parametrize("zero_point", [-128, 0, 100])
@pytest.mark.parametrize("contract", PROVABLE)
def test_a_bias_that_steps_leave_room_for_is_made_small(contract, zero_point, bias):
    """Of channels of 2**24.5 sums a code, whose bias alone would not fit a layer."""
    rule = Rescale(contract, np.array([round(2**30.5)]), np.array([-24]), zero_point, -128, 127)
    least, greatest = [-(2**25)], [2**25]
    solution = solve(rule, [bias], least, greatest)
    assert solution.proved.all()
    assert_fits(solution.division)
    limit = 1 << BIAS_BITS - 1
    assert -limit <= solution.division.bias[0] < limit


@pytest.mark.parametrize("log_width", range(1, 25))
def test_a_form_has_the_most_fraction_bits_that_leave_room_for_the_steps(log_width):
    multiplier = np.array([round(2**31 / 1.5)])  # so that a step has 1.5 * 2**log_width sums
    rule = Rescale("tflm", multiplier, np.array([-log_width]), 0, -128, 127)
    solution = solve(rule, [0], [-(2 ** (log_width + 4))], [2 ** (log_width + 4)])
    assert solution.proved.all()
    fraction = max(f for f in FRACTION_BITS if f + log_width < DIVISOR_BITS)
    assert solution.division.fraction.tolist() == [fraction]


@pytest.mark.parametrize("contract", PROVABLE)
@settings(max_examples=20)
@given(SEEDS)
def test_wide_steps_over_all_sums_of_24_bits_are_proved(contract, seed):
    """Of these, 11 fractional bits were too few in every second channel."""
    random = np.random.default_rng(seed)
    q, shift = random.integers(2**30, 2**31, CHANNELS), random.integers(-14, -12, CHANNELS)
    rule = Rescale(contract, q, shift, int(random.integers(-128, 128)), -128, 127)
    bias = random.integers(-(2**18), 2**18, CHANNELS)
    solution = solve(rule, bias, np.full(CHANNELS, -(2**23)), np.full(CHANNELS, 2**23 - 1))
    assert solution.proved.all()
    assert_fits(solution.division)


@settings(max_examples=40)
@given(SEEDS)
def test_thresholds_are_where_codes_begin(seed):
    rule, bias, least, _ = random_channels("tflm", seed, (-6, 1))
    low, high = least + bias, least + bias + 3000
    found = find_thresholds(rule, low, high)
    sums = low + np.arange(3001)[:, None]
    codes = rule.compute(sums)
    for index, code in enumerate(range(rule.low + 1, rule.high + 1)):
        reached = (codes >= code).argmax(axis=0) + low
        expected = np.where((codes >= code).any(axis=0), reached, high + 1)
        np.testing.assert_array_equal(found[index], expected)


@pytest.mark.parametrize("contract", CONTRACTS)
@settings(max_examples=20)
@given(SEEDS)
def test_the_search_near_a_guess_finds_what_the_search_of_all_divisors_finds(contract, seed):
    asked = random_channels(contract, seed, (-25, 8))
    near = solve(*asked)
    with pytest.MonkeyPatch.context() as everywhere:
        everywhere.setattr(constants, "_bracket", all_divisors)
        far = solve(*asked)
    np.testing.assert_array_equal(near.proved, far.proved)
    for name in ("divisor", "offset", "offset_negative", "form"):
        np.testing.assert_array_equal(getattr(near.division, name), getattr(far.division, name))


def all_divisors(sides, fraction, thresholds, reached):
    channels = thresholds.shape[1]
    return np.ones(channels, np.int64), np.full(channels, (1 << DIVISOR_BITS) - 1, np.int64)
