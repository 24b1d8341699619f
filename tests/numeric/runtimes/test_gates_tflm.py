"""Gates' functions are those of TFLite Micro's operators on int16, for every code."""

import numpy as np
import pytest

from accel.numeric.runtimes.gates_tflm import sigmoid, tanh
from tests.support.networks.tflite.files import File
from tests.support.oracles.tflm import tflm

CODES = np.arange(-(2**15), 2**15)
ENDS = {"scale": 2.0**-15, "zero_point": 0}


def of_all_codes(kind: str, power: int) -> np.ndarray:
    f = File()
    x = f.input((1, CODES.size), "int16", scale=2.0**power)
    f.ends(f.operator(kind, [x], [f.tensor((1, CODES.size), "int16", **ENDS)]))
    return tflm(f.bytes(), CODES[np.newaxis].astype(np.int16))[0]


def test_sigmoids_are_the_oracles():
    np.testing.assert_array_equal(sigmoid(CODES), of_all_codes("LOGISTIC", -12))


@pytest.mark.parametrize("power", [-12, -11, -10])
def test_tangents_of_any_power_of_two_are_the_oracles(power):
    np.testing.assert_array_equal(tanh(CODES, power), of_all_codes("TANH", power))
