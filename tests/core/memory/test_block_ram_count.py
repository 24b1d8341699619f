"""A core is said to take the block RAMs that builds of it took."""

import pytest

from accel.config import AcceleratorConfig
from accel.core.memory.block_ram_count import block_rams
from accel.estimate.records import records

RECORDS = {record.name: record for record in records()}


@pytest.mark.parametrize("name", RECORDS)
def test_block_rams_are_those_of_the_build(name):
    record = RECORDS[name]
    assert sum(block_rams(record.config).values()) == record.used.get("EBR", 0)


def test_memories_of_luts_of_registers_and_in_spram_take_none():
    config = AcceleratorConfig(family="ice40up", rows=2, columns=2)
    found = block_rams(config)
    assert found["activations"] == found["flash"] == 0
    assert found["parameters"] == 2  # the offsets alone are worth one
    assert block_rams(config.replace(family="ecp5"))["parameters"] == 0


def test_the_generic_family_has_none():
    assert not any(block_rams(AcceleratorConfig(flash_lanes=4)).values())
