from fractions import Fraction

import numpy as np
import pytest

from accel.numeric.rules.rules import Mean, Rescale, Table

RULES = {
    "tflm": Rescale("tflm", np.array([2**30, 2**31 - 1]), np.array([-3, -8]), 5, -128, 127),
    "single": Rescale("single", np.array([2**30, 2**31 - 1]), np.array([-3, -8]), -128, -128, 20),
    "onnx": Rescale("onnx", np.array([2**30, 2**31 - 128]), np.array([-3, -8]), 5, -128, 127),
    "mean": Mean(125, -128, 127, channels=2),
    "mean of one": Mean(1, 0, 100, channels=2),
    "mean of uint8": Mean(125, -128, 127, channels=2, offset=128),
    "table": Table(np.array([np.arange(256) // 2, np.arange(256) // 9]) - 20, -128),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_codes_never_decrease_and_stay_in_range(rule):
    acc = np.repeat(np.arange(-40000, 40000)[:, np.newaxis], 2, axis=1)
    codes = rule.compute(acc)
    assert codes.dtype == np.int64
    assert (np.diff(codes, axis=0) >= 0).all()
    assert codes.min() == rule.low
    assert codes.max() == rule.high


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_channel_is_the_same_alone(rule):
    acc = np.random.default_rng(0).integers(-(2**20), 2**20, (3, 50, rule.channels))
    together = rule.compute(acc)
    for channel in range(rule.channels):
        alone = rule.channel(channel)
        assert alone.channels == 1
        expected = together[..., channel : channel + 1]
        np.testing.assert_array_equal(alone.compute(acc[..., channel : channel + 1]), expected)
    reverse = rule.take([1, 0]).compute(acc[..., ::-1])
    np.testing.assert_array_equal(reverse, together[..., ::-1])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 125, 192])
def test_mean_rounds_half_away_from_zero(count):
    def nearest(acc):
        exact = abs(Fraction(acc, count)) + Fraction(1, 2)
        return int(exact) * (1 if acc >= 0 else -1)

    sums = range(-3 * count, 3 * count + 1)
    expected = [nearest(acc) for acc in sums]
    assert Mean(count, -128, 127).compute(np.array(sums)).tolist() == expected


def test_mean_of_higher_codes_rounds_up():
    sums = np.arange(-3, 4)
    assert Mean(2, -128, 127, offset=128).compute(sums).tolist() == [-1, -1, 0, 0, 1, 1, 2]
    assert Mean(2, -128, 127).compute(sums).tolist() == [-2, -1, -1, 0, 1, 1, 2]


def test_table_goes_on_at_both_ends():
    table = Table(np.arange(-128, 128)[np.newaxis], -127)
    sums = np.array([[-200], [-127], [0], [128], [999]])
    assert table.compute(sums)[:, 0].tolist() == [-128, -128, -1, 127, 127]


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((2, 255), int), r"Table must be \[channels, 256\], not \(2, 255\)"),
        (-np.arange(256)[np.newaxis], "Table must not decrease"),
    ],
)
def test_table_must_be_whole_and_rise(codes, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Table(codes, 0)


def test_contract_must_be_known():
    message = "^Rounding contract must be one of tflm, single, onnx, qonnx, not 'float'$"
    with pytest.raises(ValueError, match=message):
        Rescale("float", np.array([1]), np.array([0]), 0, -128, 127)


def test_multipliers_and_shifts_must_match():
    message = r"^Multipliers and shifts must be vectors of one length, not \(2,\) and \(1,\)$"
    with pytest.raises(ValueError, match=message):
        Rescale("tflm", np.array([1, 2]), np.array([0]), 0, -128, 127)


def test_mean_needs_a_pixel():
    with pytest.raises(ValueError, match=r"^Mean count must be a positive integer, not 0$"):
        Mean(0, -128, 127)
