"""What is packed into a program's bytes comes out of them again, field by field."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import signed
from amaranth.lib import data
from hypothesis import given
from hypothesis import strategies as st

from accel.compiler.frontends import load
from accel.compiler.ir.command import (
    LayerCommand,
    cut,
    decode,
    encode,
    pack_stream,
    pack_weights,
    positions,
    stored_weights,
)
from accel.compiler.pipeline import compile_graph
from accel.config import AcceleratorConfig
from accel.isa import Isa
from accel.numeric.division.division import (
    BIAS_BITS,
    DIVISOR_BITS,
    OFFSET_BITS,
    OFFSET_DROPPED_BITS,
    Division,
)
from accel.sim.functional.decode import decode_layer

DIGITS = Path(__file__).resolve().parents[3] / "examples/digits"
CONFIGS = [
    AcceleratorConfig(rows=rows, columns=columns, format=form, weight_steps=7680)
    for rows, columns in ((4, 4), (2, 8), (8, 4), (3, 5))
    for form in ("int8", "int8_int4")
]
IDS = [f"{c.rows}x{c.columns}-{c.format}" for c in CONFIGS]
LAYOUTS = ("descriptor", "location", "table_entry", *Isa(CONFIGS[0]).channel_parameters)


def layout_of(config, name):
    isa = Isa(config)
    return isa.channel_parameters[name] if name in isa.channel_parameters else getattr(isa, name)


def values_of(layout):
    """Values that the fields of a layout can hold."""

    def value(shape, width):
        if isinstance(shape, data.Layout):
            return values_of(shape)
        if getattr(shape, "signed", False):
            return st.integers(-(1 << width - 1), (1 << width - 1) - 1)
        return st.integers(0, (1 << width) - 1)

    return st.fixed_dictionaries({name: value(field.shape, field.width) for name, field in layout})


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
@pytest.mark.parametrize("name", LAYOUTS)
def test_fields_come_back(config, name):
    layout = layout_of(config, name)

    @given(values_of(layout))
    def check(values):
        packed = encode(layout, values)
        assert 0 <= packed < 1 << layout.size
        assert decode(layout, packed) == values

    check()


@pytest.mark.parametrize("name", LAYOUTS)
def test_fields_are_where_the_hardware_has_them(name):
    layout = layout_of(CONFIGS[0], name)

    @given(values_of(layout))
    def check(values):
        assert encode(layout, values) == layout.const(values).as_value().value

    check()


def test_addresses_wrap_around():
    layout = data.StructLayout({"a": 4, "b": signed(4)})
    assert encode(layout, {"a": -1, "b": -3}) == encode(layout, {"a": 15, "b": 13}) == 0xDF
    assert decode(layout, 0xDF) == {"a": 15, "b": -3}


def test_positions_are_all_that_the_runs_walk():
    assert positions({"run_less_one": 4, "runs_less_one": 2, "run_filling": 1}) == 15


def command(config, seed=0, groups=3, steps=7, lacking=1):
    """A dense layer of random constants, whose last group lacks some channels."""
    random = np.random.default_rng(seed)
    table = np.arange(groups * config.columns).reshape(groups, -1)
    channels = table.size - lacking
    table[table >= channels] = -1
    grain = 1 << OFFSET_DROPPED_BITS
    division = Division(
        bias=random.integers(-(1 << BIAS_BITS - 1), 1 << BIAS_BITS - 1, channels),
        divisor=random.integers(1, 1 << DIVISOR_BITS, channels),
        offset=random.integers(0, 1 << OFFSET_BITS, channels) // grain * grain,
        offset_negative=random.integers(0, 1 << OFFSET_BITS, channels) // grain * grain,
        coarse=random.integers(0, 2, channels),
        tie=random.integers(0, 2, channels),
        low=-128,
        high=127,
    )
    low, high = config.number_format.weight_range
    weights = random.integers(low, high + 1, (groups, steps * config.rows, config.columns))
    fields = dict.fromkeys((name for name, _ in Isa(config).descriptor), 0)
    fields |= {
        "next": 0,
        "groups_less_one": groups - 1,
        "inner_taps_less_one": steps - 1,
        "inner_origin": steps,
        "inner_size": steps,
        "outer_size": 1,
        "outer_origin": 1,
        "columns_less_one": config.columns - 1,
        "high": 255,
    }
    shared = {"name": "n", "node": "n", "source": "x", "output": "y", "macs": 0, "mode": "dense"}
    return LayerCommand(fields=fields, division=division, channels=table, weights=weights, **shared)


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_records_and_weights_come_back_group_by_group(config):
    isa, layer = Isa(config), command(config)
    stream = pack_stream(layer, config)
    words = len(stream) // config.rows // 3 - isa.group_parameter_words(layer.fields)
    fields = {**layer.fields, "weight_words_less_one": words - 1}
    head = encode(isa.descriptor, fields).to_bytes(isa.descriptor_words * config.rows, "little")
    decoded = decode_layer(head + stream, config)
    np.testing.assert_array_equal(decoded.weights, layer.weights)
    for name in ("bias", "divisor", "offset", "offset_negative", "coarse", "tie"):
        constants = getattr(decoded.division, name).reshape(-1)[:-1]
        np.testing.assert_array_equal(constants, getattr(layer.division, name), err_msg=name)


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_a_column_without_a_channel_gives_one_code_whatever_it_sums(config):
    """Its divisor is the greatest, so nothing is written but also nothing overflows."""
    isa = Isa(config)
    stream = pack_stream(command(config, groups=1, lacking=1), config)
    record = isa.channel_parameter_words * config.rows
    data = stream[(config.columns - 1) * record : config.columns * record]
    values = {}
    for part in decode(isa.channel_parameter_layout, int.from_bytes(data, "little")).values():
        values |= part
    assert values.pop("divisor") == (1 << DIVISOR_BITS) - 1
    assert not any(values.values())


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_a_stream_is_whole_words(config):
    for steps in (1, 2, 5):
        packed = pack_weights(np.ones((2, steps, config.columns), int), config)
        assert {len(group) % config.rows for group in packed} == {0}
        assert len(pack_stream(command(config, steps=steps), config)) % config.rows == 0


@pytest.mark.parametrize("rows, columns, lanes", [(4, 4, 4), (3, 5, 1), (8, 4, 2), (2, 8, 4)])
def test_a_command_that_is_cut_computes_the_same(rows, columns, lanes):
    """Any groups of any layer of the digits, on memory that is full of noise."""
    config = AcceleratorConfig(
        rows=rows, columns=columns, weight_steps=7680, bank_words=1 << 14, flash_lanes=lanes
    )
    random = np.random.default_rng(rows)
    for whole in compile_graph(load(DIGITS / "digits_int8.tflite"), config).commands:
        memory = random.integers(0, 256, (1, 2, config.bank_words * rows), np.uint8)
        expected, found = memory.copy(), memory.copy()
        layer_of(whole, config).run(expected)
        cuts = sorted({0, whole.groups, *random.integers(0, whole.groups + 1, 2).tolist()})
        for first, end in pairwise(cuts):
            part = cut(whole, first, end - first, config)
            if part is whole and first:
                continue  # all groups share their weights
            layer_of(part, config).run(found)
        np.testing.assert_array_equal(found, expected, err_msg=whole.name)
        assert (expected != memory).any()


def layer_of(command, config):
    """A command, decoded; it reads the middle of bank 0 and writes the begin of bank 1."""
    isa = Isa(config)
    weights = stored_weights(command.weights, command.fields, config)
    words = len(pack_weights(weights, config)[0]) // config.rows
    fields = dict.fromkeys(("next", "last", "dma", "input_bank"), 0) | command.fields
    fields |= {
        "input_base": config.bank_words // 2 + command.fields["input_base"],
        "weight_words_less_one": words - 1,
    }
    head = encode(isa.descriptor, fields).to_bytes(isa.descriptor_words * config.rows, "little")
    return decode_layer(head + pack_stream(command, config), config)
