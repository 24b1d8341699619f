"""Sums that float32 rounds half to even are several sums of table entries, whatever the scales."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.numeric.affine import Affine
from accel.numeric.elementwise import lookup_tables, threshold_sums
from accel.numeric.elementwise.arithmetic import ARITHMETIC, FLOAT32
from accel.numeric.elementwise.lookup_tables import ENTRY_BITS
from accel.numeric.elementwise.onnx import unrounded_sum
from accel.numeric.elementwise.threshold_sums import solve

CODES = np.arange(-128, 128)
ZEROS = st.just(0) | st.integers(-128, 127)
TENTHS = st.integers(2, 20).map(lambda n: float(np.float32(n / 100)))


def pairs(arithmetic, scales, zeros, offset=0):
    affines = (Affine(s, z, offset) for s, z in zip(scales, zeros, strict=True))
    return np.clip(arithmetic.add(CODES[:, None], CODES, *affines), -128, 127)


def rebuilt(sums, values):
    """The function that the sums make, with entries that the hardware holds."""
    limit = 1 << ENTRY_BITS - 1
    total = np.full(values.shape, values.min())
    for one in sums:
        assert all(-limit <= t.min() and t.max() < limit for t in one.tables)
        assert (np.diff(one.counts) >= 0).all()
        total += one.counts[lookup_tables.compute(*one.tables, -128, 127) + 128]
    return total


@pytest.mark.parametrize("zeros", [(0, 0, 0), (5, -7, 11)])
@pytest.mark.parametrize(
    "scales", [(0.125, 0.125, 0.25), (0.25, 0.125, 0.25), (0.125, 0.0625, 0.25)]
)
def test_halves_to_even_are_two_sums(scales, zeros):
    values = pairs(ARITHMETIC["onnx"], scales, zeros)
    assert lookup_tables.solve(values, int(values.min()), int(values.max())) is None
    sums = solve(values)
    assert len(sums) == 2
    np.testing.assert_array_equal(rebuilt(sums, values), values)


@settings(max_examples=8)
@given(st.tuples(TENTHS, TENTHS), st.floats(0.5, 2), st.tuples(ZEROS, ZEROS, ZEROS), st.booleans())
def test_sums_of_short_scales_are_few_sums(scales, ratio, zeros, unsigned):
    scales = (*scales, float(np.float32(round(max(scales) * ratio, 2))))
    values = pairs(ARITHMETIC["onnx"], scales, zeros, 128 * unsigned)
    affines = (Affine(s, z, 128 * unsigned) for s, z in zip(scales, zeros, strict=True))
    sums = solve(values, unrounded_sum(CODES[:, None], CODES, *affines, True))
    np.testing.assert_array_equal(rebuilt(sums, values), values)


def test_a_sum_of_float32_numbers_takes_some_more():
    scales = tuple(float(np.float32(s)) for s in (0.11, 0.07, 0.02))
    values = pairs(FLOAT32, scales, (0, 0, 0))
    affines = (Affine(scale, 0) for scale in scales)
    sums = solve(values, unrounded_sum(CODES[:, None], CODES, *affines, False))
    assert 2 < len(sums) < 8
    np.testing.assert_array_equal(rebuilt(sums, values), values)


def test_a_product_has_none_and_the_search_ends(monkeypatch):
    monkeypatch.setattr(threshold_sums, "_MOST_ROUNDS", 500)
    affines = Affine(0.05, 3), Affine(0.05, 3), Affine(0.1, -7)
    values = np.clip(ARITHMETIC["onnx"].multiply(CODES[:, None], CODES, *affines), -128, 127)
    assert solve(values) is None
