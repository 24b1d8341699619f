"""The layouts of programs are what cores in the field expect, and each field holds what it must."""

import pytest

from accel.config import FLASH, AcceleratorConfig
from accel.isa import FLASH_UNIT, Isa
from accel.protocol import FLASH_IMAGE_LIMIT

CONFIGS = {
    "4x4": AcceleratorConfig(),
    "4x4 and a flash": AcceleratorConfig(bank_words=1024, flash_lanes=4),
    "3x5": AcceleratorConfig(rows=3, columns=5, bank_words=4096),
    "8x16": AcceleratorConfig(rows=8, columns=16, requantizers=8, bank_words=22528),
    "12x4": AcceleratorConfig(rows=12, columns=4, bank_words=512, weight_steps=768),
    "2x64": AcceleratorConfig(rows=2, columns=64, bank_words=8192),
    "binary 4x8": AcceleratorConfig(rows=4, columns=8, format="binary", weight_steps=4096),
}


def places(layout, indent="  "):
    for name, field in layout:
        yield f"{indent}{field.offset} {field.width} {name}"


def test_the_layouts_are_what_they_were(golden):
    lines = []
    for name, config in CONFIGS.items():
        isa = Isa(config)
        lines += [f"{name}: descriptor of {isa.descriptor_words} words", *places(isa.descriptor)]
        lines += [f"{name}: pointer of {isa.pointer.size} bits", *places(isa.pointer)]
        lines.append(f"{name}: channel parameters of {isa.channel_parameter_words} words")
        for part, field in isa.channel_parameter_layout:
            lines.append(f"  {field.offset} {part}")
            lines += places(isa.channel_parameters[part], "    ")
        entry = isa.words(isa.table_entry)
        lines.append(f"{name}: table entry of {entry} words, {isa.table_entry.size} bits")
    golden("layouts.txt", "\n".join(lines) + "\n")


@pytest.mark.parametrize("name", CONFIGS)
def test_fields_hold_what_the_configuration_has(name):
    config, isa = CONFIGS[name], Isa(CONFIGS[name])
    width = {field: part.width for field, part in isa.descriptor}
    for field in ("input_base", "output_base", "output_inner_step", "tap_outer_step"):
        assert 1 << width[field] >= config.bank_words > 1 << width[field] - 1
    assert 1 << width["output_lane"] >= config.rows
    assert 1 << width["columns_less_one"] >= config.columns
    half = config.weight_rows // 2 * config.words_per_weight_row  # memory words
    assert 1 << width["weight_words_less_one"] >= half
    assert ("stride2_skip" in width) == (config.broadcast_rows > 1)
    assert ("copy" in width) == bool(config.flash_lanes)
    if config.broadcast_rows > 1:
        assert (
            1 << width["broadcast_rows_less_one"]
            >= config.broadcast_rows
            > 1 << width["broadcast_rows_less_one"] - 1
        )


@pytest.mark.parametrize("name", CONFIGS)
def test_parts_of_a_record_share_no_bit_and_a_word_is_not_left_half_empty(name):
    isa = Isa(CONFIGS[name])
    width, taken = CONFIGS[name].word_bits, set()
    for _, field in isa.channel_parameter_layout:
        bits = set(range(field.offset, field.offset + field.width))
        assert not bits & taken
        taken |= bits
        # A part lies within a word, or begins with one.
        assert field.offset // width == (field.offset + field.width - 1) // width or (
            field.offset % width == 0
        )
    assert max(taken) // width + 1 == isa.channel_parameter_words


@pytest.mark.parametrize("name", CONFIGS)
def test_what_a_pointer_points_to_comes_out_again(name):
    config, isa = CONFIGS[name], Isa(CONFIGS[name])
    found = {(bank, a) for bank in (0, 1) for a in (0, 1, config.bank_words - 1)}
    if config.flash_lanes:
        found |= {(FLASH, a) for a in (0, FLASH_UNIT, FLASH_IMAGE_LIMIT - FLASH_UNIT)}
    pointers = {isa.pointer_to(*place) for place in found}
    assert len(pointers) == len(found)
    assert max(pointers) < 1 << isa.pointer.size
    assert {isa.pointed_to(pointer) for pointer in pointers} == found


@pytest.mark.parametrize(("residual", "entries"), [(0, 257), (1, 512)])
def test_tables_and_records_take_the_words_that_they_have(residual, entries):
    isa = Isa(CONFIGS["4x4"])
    assert isa.table_words(bool(residual)) == entries  # of 29 bits, in words of 32
    assert isa.group_parameter_words(3) == 3 * isa.channel_parameter_words
