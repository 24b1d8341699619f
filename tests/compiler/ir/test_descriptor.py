"""A descriptor comes back from its encoded fields and from its bytes, in every configuration."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.compiler.ir.descriptor import Descriptor, TransferDescriptor
from accel.config import AcceleratorConfig
from accel.isa import Isa

CONFIGS = [
    AcceleratorConfig(rows=4, columns=4),
    AcceleratorConfig(rows=4, columns=8, flash_lanes=4),
    AcceleratorConfig(rows=3, columns=5),
    AcceleratorConfig(rows=8, columns=8, format="int8_int4", weight_steps=7680),
    AcceleratorConfig(rows=8, columns=8, format="binary", weight_steps=7680),
]
IDS = [f"{c.rows}x{c.columns}-{c.format}-{c.flash_lanes}" for c in CONFIGS]


def encodable(config):
    """Encoded fields that a configuration's layout can hold."""
    layout = Isa(config).descriptor
    names = {str(name): field.width for name, field in layout}
    return st.fixed_dictionaries(
        {name: st.integers(0, (1 << width) - 1) for name, width in names.items()}
    )


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_every_field_of_the_layout_comes_back(config):
    isa = Isa(config)

    @given(encodable(config))
    def check(values):
        descriptor = Descriptor.decoded(values)
        encoded = descriptor.encoded()
        assert {name: encoded[name] for name in values} == values
        assert Descriptor.from_bytes(descriptor.to_bytes(isa), isa) == descriptor

    check()


def test_every_field_of_a_descriptor_is_in_some_layout():
    known = {str(name) for config in CONFIGS for name, _ in Isa(config).descriptor}
    assert set(Descriptor().encoded()) == known


def test_counts_are_stored_minus_one_and_the_clamp_from_zero():
    encoded = Descriptor(groups=3, last_columns=2, low=-128, high=127, run_filling=5).encoded()
    assert encoded["groups_less_one"] == 2
    assert encoded["last_columns_less_one"] == 1
    assert (encoded["low"], encoded["high"]) == (0, 255)
    assert encoded["run_filling"] == 5


def test_flags_are_flags():
    """Of a type of their own, so that a sum with one is seen."""
    descriptor = Descriptor.decoded({"shared": 1, "residual": 0, "tie_parity": 1})
    assert descriptor.shared is True and descriptor.residual is False
    assert descriptor.tie_parity == 1 and not isinstance(descriptor.tie_parity, bool)


def test_positions_are_all_that_the_runs_walk():
    descriptor = Descriptor(run=5, runs=3, run_filling=1)
    assert (descriptor.positions, descriptor.valid_run) == (15, 4)
    assert [descriptor.tiles(rows) for rows in (1, 4, 5, 15, 16)] == [15, 4, 3, 1, 1]


def test_only_a_broadcast_layer_computes_several_output_rows():
    dense = Descriptor(broadcast_rows=3, last_broadcast_rows=2)
    assert dense.output_rows == (1, 1)
    assert replace(dense, broadcast=True).output_rows == (3, 2)


def test_a_step_of_a_broadcast_layer_is_a_tap_and_else_a_byte_of_a_word():
    descriptor = Descriptor(inner_taps=3, outer_taps=2, blocks=5)
    assert descriptor.steps(4) == 120
    assert replace(descriptor, blocks=1, broadcast=True).steps(4) == 6


def test_groups_that_are_cut_off_begin_where_the_whole_layer_has_them():
    config = AcceleratorConfig(rows=8, columns=4)
    whole = Descriptor(
        groups=5,
        columns=4,
        last_columns=2,
        input_base=100,
        input_group_step=3,
        output_base=50,
        output_group_lanes=4,
    )
    part = whole.of_groups(3, 5, config)
    assert (part.groups, part.input_base) == (2, 109)
    assert (part.output_base, part.output_lane) == (51, 4)  # 12 bytes on
    assert part.last_columns == 2
    assert whole.of_groups(0, 3, config).last_columns == 4


def test_a_transfer_comes_back_and_is_no_layer():
    isa = Isa(AcceleratorConfig(rows=4, columns=8, flash_lanes=4))
    transfer = TransferDescriptor(next=isa.pointer_to(1, 77), bank=1, address=123, words=45)
    data = transfer.to_bytes(isa)
    assert len(data) == isa.descriptor_words * 4
    assert TransferDescriptor.from_bytes(data, isa) == transfer
    assert TransferDescriptor.from_bytes(Descriptor().to_bytes(isa), isa) is None


def test_without_a_flash_nothing_is_a_transfer():
    isa = Isa(AcceleratorConfig(rows=4, columns=4))
    data = b"\xff" * (isa.descriptor_words * 4)
    assert TransferDescriptor.from_bytes(data, isa) is None
