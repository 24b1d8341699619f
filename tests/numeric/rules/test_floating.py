"""Rules of products of float32 numbers, over all pairs of codes."""

import numpy as np
import pytest

from accel.numeric.affine import Affine
from accel.numeric.division.solver import solve
from accel.numeric.elementwise.arithmetic import FLOAT32
from accel.numeric.rules.floating import FloatMean, RealMean, RealProduct

CODES = np.arange(-128, 128)


def _rule(seed: int, powers: bool) -> RealProduct:
    random = np.random.default_rng(seed)

    def scale(low: float, high: float) -> float:
        power = random.uniform(low, high)
        return float(np.float32(2.0 ** (np.rint(power) if powers else power)))

    points = random.integers(-128, 128, 3)
    first, second = (Affine(scale(-6, -3), int(zero)) for zero in points[:2])
    output = Affine(first.scale * second.scale * scale(4, 8), int(points[2]))
    return RealProduct(first, second, output, -128, 127)


@pytest.mark.parametrize("powers", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_product_is_the_code_of_nearly_every_pair(seed, powers):
    rule = _rule(seed, powers)
    pair = CODES[:, np.newaxis], CODES[np.newaxis, :]
    exact = FLOAT32.multiply(*pair, rule.first, rule.second, rule.output).clip(-128, 127)
    products = (pair[0] - rule.first.zero_point) * (pair[1] - rule.second.zero_point)
    apart = np.abs(rule.compute(products) - exact)
    assert apart.max() <= 1 and (apart > 0).sum() == rule.differing <= (0 if powers else 65)
    beyond = np.arange(products.min() - 20_000, products.max() + 20_000)
    codes = rule.compute(beyond)
    assert (np.diff(codes) >= 0).all()
    ends = np.zeros(1, np.int64), beyond[:1], beyond[-1:]
    assert solve(rule, *ends, True).proved.all()


def test_halves_of_a_real_mean_are_even_before_the_zero_point():
    source, output = Affine(0.5, 0), Affine(0.5, -3)
    sums = np.array([2, 6, 10, 14])  # of 4: halves
    arguments = source, output, 4, 4, -128, 127
    assert RealMean(*arguments).compute(sums).tolist() == [-3, -1, -1, 1]
    assert FloatMean(*arguments).compute(sums).tolist() == [-2, -2, 0, 0]
