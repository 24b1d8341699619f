"""The flash chip beside a simulated core has room for the program."""

import pytest

from accel.sim.rtl.harness import FLASH_BYTES, FLASH_OFFSET, flash_bytes_for


def test_programs_share_a_chip_unless_they_are_larger():
    assert flash_bytes_for(0) == flash_bytes_for(FLASH_BYTES - FLASH_OFFSET) == FLASH_BYTES


@pytest.mark.parametrize("image", [FLASH_BYTES - FLASH_OFFSET + 1, 1 << 20, (1 << 23) - 1])
def test_a_larger_program_has_a_larger_chip_that_it_fills_by_half_at_least(image):
    size = flash_bytes_for(image)
    assert size & (size - 1) == 0 and size >= FLASH_OFFSET + image > size // 2
