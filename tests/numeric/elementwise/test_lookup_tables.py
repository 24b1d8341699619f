"""Rounded sums have tables, whatever the scales; products have none, and that is not for want of
trying."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accel.numeric.affine import Affine
from accel.numeric.elementwise.arithmetic import ARITHMETIC
from accel.numeric.elementwise.lookup_tables import ENTRY_BITS, compute, of_unary, solve

CODES = np.arange(-128, 128)
BOUNDS = st.sampled_from(((-128, 127), (-128, 127), (-3, 127), (-128, 40), (5, 90), (7, 7)))
ZERO_POINTS = st.sampled_from((-128, 0, 127)) | st.integers(-128, 127)
WIDE = st.floats(-14, 6).map(lambda e: float(np.float32(2**e)))
SIMILAR = st.floats(-7, -2).map(lambda e: float(np.float32(2**e)))
# An operand's code is at most so many output codes where tables must be found.
STEEPEST = 7


def affines(scales):
    return st.tuples(*[st.builds(Affine, scales, ZERO_POINTS)] * 3)


def function(name, quantizations, bounds, contract="tflm"):
    """The operator's codes for all pairs, and its least and greatest; None where it is not
    defined."""
    arithmetic = getattr(ARITHMETIC[contract], name)
    try:
        values = arithmetic(CODES[:, None], CODES, *quantizations).clip(*bounds)
    except ValueError:
        return None
    return values, int(values.min()), int(values.max())


def assert_tables(found, values, low, high):
    limit = 1 << ENTRY_BITS - 1
    assert all(-limit <= t.min() and t.max() < limit for t in found)
    np.testing.assert_array_equal(compute(*found, low, high), values)


@pytest.mark.parametrize("contract", ["tflm", "single", "onnx"])
@pytest.mark.parametrize("name", ["add", "subtract"])
@settings(max_examples=60)
@given(affines(WIDE) | affines(SIMILAR), BOUNDS)
@example((Affine(0.5, 3), Affine(0.5, -7), Affine(2.0**-7, 0)), (-128, 127))
@example((Affine(1.0, -128), Affine(0.5, -128), Affine(1.0, -128)), (-128, 127))
@example((Affine(6.5, -128), Affine(1e-4, 127), Affine(1.0, -128)), (-128, 127))
def test_sums_and_differences_have_tables(name, contract, quantizations, bounds):
    made = function(name, quantizations, bounds, contract)
    if made is None:
        return
    found = solve(*made)
    first, second, output = (q.scale for q in quantizations)
    if found is not None:
        assert_tables(found, *made)
    elif min(first, second) <= STEEPEST * output:
        # Where half goes to even, the parity of the sum decides, which no entry knows.
        assert contract == "onnx"
        assert is_contradictory(*made)


@pytest.mark.parametrize("codes", [7, 10])
def test_what_an_entry_holds_is_used_to_its_end(codes):
    """The larger operand alone spans more output codes than an entry holds, all but its middle
    clamped."""
    scales = Affine(codes, 0), Affine(0.3, 11), Affine(1.0, -5)
    made = function("add", scales, (-128, 127))
    assert_tables(solve(*made), *made)


def bounds_of_sums(values, low, high):
    """The least and the greatest that a sum of two entries may be, in codes."""
    least = np.where(values > low, values, -np.inf)
    return least, np.where(values < high, values + 1, np.inf)


def is_contradictory(values, low, high):
    """Whether two rows of the function contradict each other on how far their entries are apart."""
    least, greatest = bounds_of_sums(values, low, high)
    with np.errstate(invalid="ignore"):
        for row in range(256):
            apart_least = np.fmax.reduce(least[row] - greatest, axis=1)
            apart_most = np.fmin.reduce(greatest[row] - least, axis=1)
            if (apart_least >= apart_most).any():
                return True
    return False


@settings(max_examples=40)
@given(affines(WIDE) | affines(SIMILAR), BOUNDS)
@example((Affine(0.5, 0), Affine(0.5, 0), Affine(0.5, 0)), (-128, 127))
@example((Affine(2**-14, 0), Affine(2**-14, 0), Affine(1.0, 0)), (-128, 127))
def test_products_have_tables_but_where_two_rows_contradict_each_other(quantizations, bounds):
    made = function("multiply", quantizations, bounds)
    if made is None:
        return
    found = solve(*made)
    assert (found is None) == is_contradictory(*made)
    if found is not None:
        assert_tables(found, *made)


def test_a_usual_product_has_none_and_one_that_is_always_0_has():
    usual = function("multiply", (Affine(0.05, 3),) * 2 + (Affine(0.1, -7),), (-128, 127))
    assert solve(*usual) is None
    tiny = function("multiply", (Affine(2**-12, 0),) * 2 + (Affine(1.0, -7),), (-128, 127))
    assert tiny[1:] == (-7, -7)
    assert_tables(solve(*tiny), *tiny)


@given(st.integers(0, 255), st.integers(0, 255), st.sampled_from((-2, 2)))
@settings(max_examples=20)
def test_a_sum_with_one_wrong_code_has_none(row, column, error):
    """The codes around it leave a unit to every sum."""
    values, _, _ = function("add", (Affine(0.1, 0), Affine(0.1, 0), Affine(0.2, 0)), (-128, 127))
    values = values.copy()
    values[row, column] += error
    low, high = int(values.min()), int(values.max())
    assert solve(values, low, high) is None


@given(st.lists(st.integers(-128, 127), min_size=256, max_size=256))
def test_a_function_of_one_code_is_a_table_and_zero(values):
    values = np.array(values)
    first, second = of_unary(values)
    assert second.shape == (1,)
    assert_tables((first, second), values[:, None], int(values.min()), int(values.max()))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_any_tables_that_fit_are_found_again_in_what_they_compute(seed, spread):
    """Of no plane at all: entries at random."""
    random = np.random.default_rng(seed)
    limit = 1 << ENTRY_BITS - spread
    first, second = random.integers(-limit, limit, (2, 256))
    values = compute(first, second, -128, 127)
    made = values, int(values.min()), int(values.max())
    assert_tables(solve(*made), *made)
