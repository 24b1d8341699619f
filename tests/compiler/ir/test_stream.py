"""What a layer streams comes out of its bytes again, group by group."""

from dataclasses import replace

import numpy as np
import pytest

from accel.compiler.ir.bit_fields import decode_parts
from accel.compiler.ir.command import LayerCommand
from accel.compiler.ir.descriptor import Descriptor
from accel.compiler.ir.stream import pack_stream, pack_weights, stream_words
from accel.config import AcceleratorConfig
from accel.isa import Isa
from accel.numeric.division.division import (
    BIAS_BITS,
    DIVISOR_BITS,
    FORMS,
    OFFSET_BITS,
    OFFSET_DROPPED_BITS,
    OFFSET_SHARED_BITS,
    Division,
)
from accel.sim.functional.decode import decode_layer

CONFIGS = [
    AcceleratorConfig(rows=rows, columns=columns, format=form, weight_steps=7680)
    for rows, columns in ((4, 4), (2, 8), (8, 4), (3, 5))
    for form in ("int8", "int8_int4")
]
IDS = [f"{c.rows}x{c.columns}-{c.format}" for c in CONFIGS]


def command(config, seed=0, groups=3, steps=7, lacking=1):
    """A dense layer of random constants, whose last group lacks some channels."""
    random = np.random.default_rng(seed)
    table = np.arange(groups * config.columns).reshape(groups, -1)
    channels = table.size - lacking
    table[table >= channels] = -1
    own = OFFSET_BITS - OFFSET_DROPPED_BITS - OFFSET_SHARED_BITS
    shared = random.integers(0, 1 << OFFSET_SHARED_BITS, channels) << own
    offset, negative = (
        (shared | low) << OFFSET_DROPPED_BITS for low in random.integers(0, 1 << own, (2, channels))
    )
    division = Division(
        bias=random.integers(-(1 << BIAS_BITS - 1), 1 << BIAS_BITS - 1, channels),
        divisor=random.integers(1, 1 << DIVISOR_BITS, channels),
        offset=offset,
        offset_negative=negative,
        form=random.integers(0, FORMS, channels),
        tie=random.integers(0, 2, channels),
        low=-128,
        high=127,
    )
    low, high = config.number_format.weight_range
    weights = random.integers(low, high + 1, (groups, steps * config.rows, config.columns))
    descriptor = Descriptor(
        groups=groups,
        inner_taps=steps,
        inner_origin=steps,
        inner_size=steps,
        columns=config.columns,
    )
    shared = {"name": "n", "node": "n", "source": "x", "output": "y", "macs": 0, "mode": "dense"}
    return LayerCommand(
        descriptor=descriptor, division=division, channels=table, weights=weights, **shared
    )


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_channel_parameters_and_weights_come_back_group_by_group(config):
    isa, layer = Isa(config), command(config)
    stream = pack_stream(layer, config)
    words = len(stream) // config.rows // 3 - layer.descriptor.parameter_words(isa)
    descriptor = replace(layer.descriptor, weight_words=words)
    decoded = decode_layer(descriptor.to_bytes(isa) + stream, config)
    np.testing.assert_array_equal(decoded.weights, layer.weights)
    for name in ("bias", "divisor", "offset", "offset_negative", "form", "tie"):
        constants = getattr(decoded.division, name).reshape(-1)[:-1]
        np.testing.assert_array_equal(constants, getattr(layer.division, name), err_msg=name)


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_a_column_without_a_channel_gives_one_code_whatever_it_sums(config):
    """Its divisor is the greatest, so nothing is written but also nothing overflows."""
    isa = Isa(config)
    stream = pack_stream(command(config, groups=1, lacking=1), config)
    size = isa.channel_parameter_words * config.rows
    data = stream[(config.columns - 1) * size : config.columns * size]
    values = {}
    for part in decode_parts(isa.channel_parameter_layout, int.from_bytes(data, "little")).values():
        values |= part
    # The divisor is stored inverted.
    assert not any(values.values())


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_a_stream_is_whole_words(config):
    for steps in (1, 2, 5):
        packed = pack_weights(np.ones((2, steps, config.columns), int), config)
        assert {len(group) % config.rows for group in packed} == {0}
        assert len(pack_stream(command(config, steps=steps), config)) % config.rows == 0


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_the_words_of_a_stream_are_known_before_it_is_packed(config):
    for steps in (1, 2, 5):
        layer = command(config, steps=steps)
        assert stream_words(layer, config) * config.rows == len(pack_stream(layer, config))
