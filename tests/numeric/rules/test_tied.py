"""Means whose halves float32 rounds without order are two roundings of halves in order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.numeric.affine import Affine
from accel.numeric.division.solver import solve
from accel.numeric.rounding import CONTRACTS
from accel.numeric.rules.floating import FloatMean, RealMean
from accel.numeric.rules.rules import Rescale, Table
from accel.numeric.rules.tied import Steps, two_roundings

ZEROS = st.just(0) | st.integers(-128, 127)
SHORT = st.integers(10, 200).map(lambda n: float(np.float32(n / 1000)))
RATIOS = st.sampled_from((1.0, 0.5, 0.25, 2.0, 0.55, 1.1, 1.5))


def rule_of(kind, scales, zeros, count, offset):
    """A rule of the mean, and its least and greatest sum."""
    source, output = (Affine(s, z, offset) for s, z in zip(scales, zeros, strict=True))
    if kind == "rescale":
        q, shift = (np.array([v]) for v in CONTRACTS["onnx"].mean(*scales, count))
        ends = ((code - zeros[0]) * count for code in (-128, 127))
        return Rescale("onnx", q, shift, zeros[1], -128, 127), *ends
    mean = {"codes": FloatMean, "float32": RealMean}[kind]
    return mean(source, output, count, count, -128, 127), -128 * count, 127 * count


def assert_exact(rule, least, greatest):
    found = two_roundings(rule, least, greatest)
    sums = np.arange(least, greatest + 1)
    np.testing.assert_array_equal(found.compute(sums), rule.compute(sums[:, None])[:, 0])
    question = np.zeros(1, np.int64), np.array([least]), np.array([greatest])
    assert all(solve(r, *question, True).proved.all() for r in (found.up, found.down))


@pytest.mark.parametrize("kind", ["codes", "float32", "rescale"])
@settings(max_examples=25)
@given(SHORT, RATIOS, st.tuples(ZEROS, ZEROS), st.integers(2, 64), st.sampled_from((0, 128)))
def test_means_are_two_roundings(kind, scale, ratio, zeros, count, offset):
    scales = scale, float(np.float32(scale * ratio))
    assert_exact(*rule_of(kind, scales, zeros, count, offset))


def test_a_mean_that_no_division_gives():
    """Of 8 codes of scale 0.02, in codes of scale 0.011: every 22nd of a sum may be a half."""
    scales = tuple(float(np.float32(s)) for s in (0.02, 0.011))
    rule, *ends = rule_of("rescale", scales, (5, 3), 8, 0)
    bounds = (np.array([end]) for end in ends)
    assert not solve(rule, np.zeros(1, np.int64), *bounds, True).proved.all()
    assert_exact(rule, *ends)


def test_a_half_at_the_last_sum_belongs_to_the_rounding_that_leaves_it():
    rule, *ends = rule_of("codes", (1.0, 1.0), (0, 0), 2, 0)
    for greatest in range(ends[1] - 5, ends[1]):
        assert_exact(rule, ends[0], greatest)


def test_other_rules_are_left_alone():
    steps = Table(np.arange(-128, 128)[None], -128)
    assert two_roundings(steps, -128, 127) is None
    several = Rescale("onnx", np.array([2**30, 2**29]), np.array([0, 0]), 0, -128, 127)
    assert two_roundings(several, -128, 127) is None
    wide = RealMean(Affine(2.0**-10, 0), Affine(1.0, 0), 2**14, 2**14, -128, 127)
    assert two_roundings(wide, -(2**21), 2**21) is None


def test_steps_are_a_rule():
    steps = Steps(np.array([-3, 0, 7]), 2, channels=3)
    assert (steps.low, steps.high) == (2, 5)
    np.testing.assert_array_equal(steps.compute(np.array([-4, -3, 0, 6, 7])), [2, 3, 4, 4, 5])
    assert steps.take([0, 2]).channels == 2 and steps.channel(1).channels == 1
