"""Constants that leave no margin: each bit of them decides a code, on cores of any size."""

from dataclasses import replace

import numpy as np
import pytest

from accel.api import configuration
from accel.bringup import patterns
from accel.bringup.array_check import HALVES
from accel.bringup.sharp_constants import with_parameters, with_tables
from accel.bringup.tables_check import _codes
from accel.config import AcceleratorConfig
from accel.host.runner import run
from accel.numeric.division.division import BIAS_BITS, DIVISOR_BITS, OFFSET_BITS
from accel.numeric.elementwise.lookup_tables import ENTRY_BITS
from accel.sim.functional.machine import Machine

CONFIGS = {
    "4x4": AcceleratorConfig(bank_words=4096, weight_steps=512, requantizers=2),
    "8x8": configuration("ulx3s_25f"),
}
LOWEST = {"offset": 6, "offset_negative": 6}  # of the bits that are stored
BITS = {
    "bias": BIAS_BITS,
    "divisor": DIVISOR_BITS,
    "offset": OFFSET_BITS,
    "offset_negative": OFFSET_BITS,
    "form": 3,
    "tie": 1,
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_each_bit_of_each_channel_parameter_decides_a_code(config):
    """In each column and each half, at 0 and at 1."""
    pattern = with_parameters(patterns.channel_parameters(config), HALVES)
    (command,) = pattern.program.commands
    division, sums = command.division, np.zeros((1, len(command.division.bias)), np.int64)
    codes = division.compute(sums)
    (output,) = run(pattern.program, Machine(pattern.program), pattern.inputs).values()
    assert (output == codes).all()
    for name, bits in BITS.items():
        values = np.broadcast_to(getattr(division, name), codes.shape[1]).astype(np.int64)
        for bit in range(LOWEST.get(name, 0), bits):
            for value in (0, 1):
                held = values & (1 << bits) - 1 & ~(1 << bit) | value << bit
                if name == "bias":
                    held -= held >> bits - 1 << bits
                changed = replace(division, **{name: np.where(held, held, name == "divisor")})
                seen = (changed.compute(sums) != codes)[0]
                for half in range(HALVES):
                    columns = seen[command.channels[half::HALVES]]
                    assert columns.any(axis=0).all(), (name, bit, value, half)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_each_bit_of_each_entry_decides_a_code(config):
    sharp = with_tables(patterns.tables(config)[1])
    for one in sharp:
        (output,) = run(
            one.pattern.program, Machine(one.pattern.program), one.pattern.inputs
        ).values()
        assert (output.reshape(one.operands[0].shape) == _codes(one, {})).all()
    for table in (0, 1):
        for bit in range(ENTRY_BITS):
            for value in (0, 1):
                seen = set()
                for one in sharp:
                    differs = _codes(one, {table: (bit, value)}) != _codes(one, {})
                    seen |= {*one.operands[table][differs].tolist()}
                assert len(seen) == 256, (table, bit, value)
