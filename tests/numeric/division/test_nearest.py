"""Where no division equals float32's rounding, the closest one differs at as many sums as it
says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.numeric.division.nearest import nearest_division
from accel.numeric.division.solver import solve
from accel.numeric.rounding import float_multiplier
from accel.numeric.rules.rules import Rescale
from tests.numeric.division.test_division import assert_fits

REACH = 2**20
CHANNELS = 3
PIECE = 2**16


def question(seed: int):
    """Steps of 2**11 to 2**13 sums, all of whose codes are reached."""
    random = np.random.default_rng(seed)
    pairs = [float_multiplier(2.0**-s, 1.0, 1.0) for s in random.uniform(11.5, 13, CHANNELS)]
    multiplier, shift = np.array(pairs, np.int64).T
    rule = Rescale("onnx", multiplier, shift, int(random.integers(-128, 128)), -128, 127)
    reach = np.full(CHANNELS, REACH)
    return rule, random.integers(-1000, 1000, CHANNELS), -reach, reach - 1


def counted(division, rule, bias) -> np.ndarray:
    """Differing sums by channel, of all there are."""
    count = np.zeros(rule.channels, np.int64)
    for first in range(-REACH, REACH, PIECE):
        sums = np.arange(first, first + PIECE)[:, np.newaxis]
        count += (division.compute(sums) != rule.compute(sums + bias)).sum(axis=0)
    return count


@settings(max_examples=3)
@given(st.integers(0, 2**32 - 1))
def test_the_count_is_that_of_all_sums_and_small(seed):
    rule, bias, least, greatest = question(seed)
    solution = solve(rule, bias, least, greatest, ties=True)
    found = nearest_division(rule, bias, least, greatest, solution)
    np.testing.assert_array_equal(counted(found.division, rule, bias), found.differing)
    assert (found.differing[solution.proved] == 0).all()
    assert found.differing.max() < 40  # of 2,097,152
    assert_fits(found.division)


def test_channels_that_are_proved_stay_as_they_are():
    question_ = question(4)
    solution = solve(*question_, ties=True)
    solution.proved[:] = [True, False, True]
    division = nearest_division(*question_, solution).division
    for name in ("bias", "divisor", "offset", "offset_negative", "form", "tie"):
        one, other = (np.broadcast_to(getattr(d, name), 3) for d in (division, solution.division))
        assert one[0] == other[0] and one[2] == other[2]


@pytest.mark.parametrize("shift", [-13, -14])
def test_there_are_channels_that_no_division_equals(shift):
    rule = Rescale("onnx", np.array([1234567 << 7]), np.array([shift + 3]), 5, -128, 127)
    reach = np.array([2**21])
    solution = solve(rule, [77], -reach, reach, ties=True)
    assert not solution.proved.any()
    assert 0 < nearest_division(rule, [77], -reach, reach, solution).differing[0] < 40


def test_sums_that_leave_the_hardware_have_no_closest():
    rule = Rescale("onnx", np.array([2**30]), np.array([-10]), 0, -128, 127)
    question_ = rule, np.zeros(1), np.array([-(2**32)]), np.array([2**32])
    assert nearest_division(*question_, solve(*question_, ties=True)) is None
