"""The features of a core's size: how many it has of each part that logic is made of."""

import numpy as np

from accel.config import AcceleratorConfig
from accel.core.memory.block_ram_count import bits_in_registers
from accel.core.pe import element_of
from accel.core.primitives.multiplier import products_of

# A least share of what each part is expected to take, in logic cells, keeps the fit sensible where
# the recorded builds do not tell two parts apart.
PRIOR = {
    "base": 1800.0,  # link, sequencer, address generator
    "accumulators": 2.2,  # a bit of a sum: adder, and the copy that drains
    "feeder": 2.2,  # a bit of a waiting activation or passing weight
    "products": 110.0,  # a multiplier made of logic
    "requantizers": 700.0,  # division, channel parameters, post-op
    "registers": 1.5,  # a bit of a memory that is too small for a block RAM: register, multiplexer
    "words": 9.0,  # a bit of a memory word: multiplexers and registers around the banks
    "flash": 350.0,
}


def features(config: AcceleratorConfig) -> np.ndarray:
    """The counts, in the order of ``PRIOR``."""
    number = config.number_format
    weight_bits = number.weight_bits
    counts = {
        "base": 1,
        "accumulators": config.peak_macs * config.sum_bits,
        "feeder": config.rows * (config.word_bits - 8) + config.rows * config.columns * weight_bits,
        "products": _of_logic(config) * weight_bits / 8,
        "requantizers": config.requantizers,
        "registers": bits_in_registers(config),
        "words": config.word_bits,
        "flash": int(config.flash_lanes > 0),
    }
    return np.array([counts[name] for name in PRIOR], float)


def _of_logic(config: AcceleratorConfig) -> int:
    """Products that no DSP makes.

    An element makes all of them in DSPs or none, unless it takes just as many DSPs as the
    configuration says.
    """
    cells = element_of(config).dsps(config)
    if cells == config.dsps:
        return config.peak_macs - products_of(config.family, cells)
    return 0 if cells else config.peak_macs
