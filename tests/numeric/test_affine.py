import numpy as np
import pytest

from accel.numeric.affine import dequantize, quantize, round_half_away


def test_halves_go_away_from_zero():
    x = np.array([0.5, -0.5, 1.5, -2.5, 0.49999999999999994, 2.0**52 + 1])
    assert round_half_away(x).tolist() == [1, -1, 2, -3, 0, 2.0**52 + 1]


def test_codes_come_back():
    codes = np.arange(-128, 128)
    for scale in (0.1, 1 / 256, 0.5847029089927673):
        scale = float(np.float32(scale))
        assert quantize(dequantize(codes, scale, 83), scale, 83).tolist() == codes.tolist()


def test_values_out_of_range_saturate():
    real = np.array([1e30, -1e30, np.inf, -np.inf, 3e38], np.float32)
    assert quantize(real, 0.1, -5).tolist() == [127, -128, 127, -128, 127]


def test_nan_has_no_code():
    with pytest.raises(ValueError, match=r"^Values to quantize must be numbers, not NaN$"):
        quantize(np.array([np.nan], np.float32), 0.1, 0)
