"""The machine sums the products that a number format states, exact or not."""

from types import SimpleNamespace

import numpy as np
import pytest

from accel.compiler.ir.descriptor import Descriptor
from accel.numeric.formats import NumberFormat
from accel.sim.functional.layer import DecodedLayer

LOSSY = NumberFormat(
    title="lossy",
    weight_bits=3,
    weights=(0, 1, 3, 9, None, -1, -3, -9),
    product=lambda a, code: (a >> 1 << 1) * (code % 4) * (1 - 2 * (code < 0)),
)


@pytest.mark.parametrize("broadcast", [0, 1])
def test_sums_are_those_of_the_stated_products(broadcast):
    random = np.random.default_rng(1)
    weights = random.choice(LOSSY.values, (2, 12, 5))
    layer = DecodedLayer(
        config=SimpleNamespace(number_format=LOSSY, rows=4),
        descriptor=Descriptor(broadcast=bool(broadcast)),
        weights=weights,
        division=None,
        reads=None,
        writes=None,
        lookup_tables=None,
    )
    shape = (3, 2, 5, 7, 12) if broadcast else (3, 2, 7, 12)
    x = random.integers(-128, 128, shape)
    codes = LOSSY.encode(weights)
    expected = np.zeros((3, 2, 7, 5), np.int64)
    if broadcast:  # row r meets the weights r steps late, column c has activations of its own
        expected = np.zeros((3, 2, 5, 7, 4), np.int64)
        for r in range(4):
            late = codes[:, : 12 - r].transpose(0, 2, 1)[:, :, None]
            expected[..., r] = LOSSY.product(x[..., r:], late).sum(axis=-1)
    else:
        expected = LOSSY.product(x[..., None], codes[:, None]).sum(axis=-2)
    np.testing.assert_array_equal(layer._multiply(x, layer.operand), expected)
