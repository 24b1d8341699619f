"""Codes by floating point equal those by integers, which are the definition."""

import numpy as np
import pytest

from accel.numeric.division.division import (
    DIVISOR_BITS,
    FORMS,
    OFFSET_DROPPED_BITS,
    Division,
)
from accel.sim.functional.requantize import Requantizer

CHANNELS = 64


def division(rng, *, form=None, low=-128, high=127, negative=True, tie=0):
    """Random constants of all widths that the core has."""
    bits = rng.integers(10, DIVISOR_BITS, CHANNELS)
    divisor = (1 << bits) + rng.integers(0, 1 << bits)
    grain = 1 << OFFSET_DROPPED_BITS
    offset = rng.integers(1, 256 * divisor) // grain * grain
    return Division(
        bias=rng.integers(-(1 << 25), 1 << 25, CHANNELS),
        divisor=divisor,
        offset=offset,
        offset_negative=offset - rng.integers(0, 2, CHANNELS) * grain if negative else offset,
        form=rng.integers(0, FORMS, CHANNELS) if form is None else np.full(CHANNELS, form),
        low=low,
        high=high,
        tie=tie,
    )


def sums_at_steps(rng, constants):
    """Random sums, those beside each step of the codes, and those beside where the sign changes."""
    codes = np.arange(257)[:, None] * constants.divisor
    steps = [
        (codes - offset >> constants.fraction) - constants.bias
        for offset in (constants.offset, constants.offset_negative)
    ]
    near = np.concatenate([step + beside for step in steps for beside in (-1, 0, 1, 2)])
    signs = np.arange(-3, 4)[:, None] - constants.bias
    anywhere = rng.integers(-(1 << 27), 1 << 27, (200, CHANNELS))
    sums = np.concatenate([near, signs, anywhere])
    return np.clip(sums, -(1 << 31) + 1, (1 << 31) - 1)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"form": FORMS - 1},
        {"negative": False},
        {"low": 0, "high": 90},
        {"tie": 1},
    ],
)
def test_codes_equal_those_of_the_definition(seed, kind):
    rng = np.random.default_rng(seed)
    constants = division(rng, **kind)
    sums = sums_at_steps(rng, constants)
    expected = constants.compute(sums)
    assert len(np.unique(expected)) > 80
    codes = Requantizer(constants).compute(sums.astype(np.float64))
    assert codes.dtype == np.uint8
    assert (codes.view(np.int8) == expected).all()


def test_small_sums_may_be_of_single_precision():
    rng = np.random.default_rng(1)
    constants = division(rng)
    sums = rng.integers(-(1 << 24), 1 << 24, (500, CHANNELS))
    codes = Requantizer(constants).compute(sums.astype(np.float32))
    assert (codes.view(np.int8) == constants.compute(sums)).all()
