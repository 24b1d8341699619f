import numpy as np
import pytest

from accel.numeric.runtimes.gemmlowp import exp_of_negative, logistic, tanh


@pytest.mark.parametrize("integer_bits", [4, 5])
def test_exponential_is_as_good_as_its_polynomial(integer_bits):
    x = -np.arange(0, 2**30, 2**18 + 7)
    exact = np.exp(x / 2.0 ** (31 - integer_bits))
    found = exp_of_negative(x, integer_bits) / 2.0**31
    assert np.abs(found - exact).max() < (1 / 8) ** 5 / 120  # the first term left out


@pytest.mark.parametrize(
    ("function", "exact"), [(logistic, lambda x: 1 / (1 + np.exp(-x))), (tanh, np.tanh)]
)
def test_functions_are_accurate_and_symmetric(function, exact):
    q4 = np.arange(-(2**31) + 1, 2**31, 2**21 + 11)
    assert np.abs(function(q4) / 2.0**31 - exact(q4 / 2.0**27)).max() < 2e-6
    sums = function(q4) + function(-q4)
    assert (np.abs(sums - sums[0]) <= 1).all()
