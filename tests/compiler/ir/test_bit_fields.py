"""Values come back from the bit fields of a layout, which are where the hardware has them."""

import pytest
from amaranth.hdl import signed
from amaranth.lib import data
from hypothesis import given
from hypothesis import strategies as st

from accel.compiler.ir.bit_fields import decode, decode_parts, encode
from accel.config import AcceleratorConfig
from accel.isa import Isa

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


def test_the_parts_of_a_layout_come_back_each_on_its_own():
    layout = Isa(CONFIGS[0]).channel_parameter_layout
    values = {"bias": -5, "form": 5, "tie": 0, "offset_high": 3, "divisor_high": 1}
    packed = layout.const({"early": values, "late": {"divisor_low": 3}}).as_value().value
    parts = decode_parts(layout, packed)
    assert set(parts) == {"early", "late", "offset", "offset_negative"}
    assert parts["early"] == values
    assert parts["late"] == {"divisor_low": 3}
