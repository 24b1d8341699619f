"""Random layers with all that they stream, as chunks of a program."""

from random import Random

import numpy as np

from accel.compiler.ir.bit_fields import encode
from accel.compiler.ir.descriptor import Descriptor
from accel.config import AcceleratorConfig
from accel.isa import TABLE_ENTRIES, Isa
from accel.numeric.division.division import BIAS_BITS, DIVISOR_BITS


def random_records(isa: Isa, count: int, rng: Random) -> bytes:
    """The channel parameters of some columns; most of them make codes that are not saturated."""
    layout, size = isa.channel_parameter_layout, isa.channel_parameter_words * isa.config.rows
    data = b""
    for _ in range(count):
        packed = 0
        for name, field in layout:
            part = isa.channel_parameters[str(name)]
            values = {str(key): rng.getrandbits(each.width) for key, each in part}
            if "bias" in values:
                values["bias"] = rng.randrange(-(1 << 20), 1 << 20) % (1 << BIAS_BITS)
                values["tie"] = int(rng.random() < 0.2)
            if "divisor" in values:
                values["divisor"] = rng.randrange(1 << DIVISOR_BITS - 2, 1 << DIVISOR_BITS)
            packed |= encode(part, values) << field.offset
        data += packed.to_bytes(size, "little")
    return data


def random_chunk(f: Descriptor, config: AcceleratorConfig, rng: Random) -> bytes:
    """A layer's descriptor, and random lookup tables, channel parameters and weights for it."""
    isa, rows = Isa(config), config.rows
    data = f.to_bytes(isa)
    tables = rng.randbytes(f.table_words(isa) * rows)
    if tables and f.add_sums:
        size = len(tables) // TABLE_ENTRIES // 2
        first = tables[: TABLE_ENTRIES * size]
        tables = first + tables[-size:] * TABLE_ENTRIES
    data += tables
    for _ in range(f.parameter_groups):
        data += random_records(isa, f.columns, rng)
        data += rng.randbytes(f.weight_words * rows)
    return data


def random_memory(config: AcceleratorConfig, rng: Random) -> np.ndarray:
    """Both banks, uint8 ``[1, 2, bytes]``."""
    size = config.bank_words * config.rows
    return np.frombuffer(rng.randbytes(2 * size), np.uint8).reshape(1, 2, size).copy()
