import numpy as np
import pytest

from accel.numeric.runtimes.softmax_tflm import Softmax, reciprocal_q12


def test_reciprocal_is_accurate():
    total = np.arange(2**19, 2**31, 2**22 + 3)
    scale, bits = reciprocal_q12(total)
    exact = 2.0**19 / total
    assert np.abs(scale / 2.0**31 * 2.0**-bits / exact - 1).max() < 1e-7


def test_only_differences_count():
    random = np.random.default_rng(0)
    codes = random.integers(-100, 100, (50, 12))
    softmax = Softmax(0.1)
    np.testing.assert_array_equal(softmax.compute(codes), softmax.compute(codes + 27))


def test_a_class_alone_is_certain():
    assert Softmax(0.1).compute(np.array([[-128], [0], [127]])).tolist() == [[127]] * 3


def test_scale_must_not_vanish():
    with pytest.raises(ValueError, match=r"^Softmax beta \* scale must exceed 2\*\*-26, not "):
        Softmax(2.0**-26)
