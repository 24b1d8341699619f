import numpy as np

from accel.numeric.runtimes.libm import expf, logf


def test_functions_are_right_to_one_unit_in_the_last_place():
    x = np.linspace(-20, 5, 999, dtype=np.float32).reshape(27, 37)
    for function, exact, of in ((expf, np.exp, x), (logf, np.log, np.abs(x) + np.float32(0.01))):
        found = function(of)
        assert found.shape == of.shape
        assert found.dtype == np.float32
        expected = exact(of.astype(np.float64))
        assert (np.abs(found - expected) <= np.spacing(np.abs(expected).astype(np.float32))).all()
