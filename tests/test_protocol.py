"""Frames are what is documented, byte by byte: a core of today understands a host of tomorrow."""

import pytest
from amaranth.lib import crc as amaranth_crc

from accel.config import AcceleratorConfig
from accel.identity import IMAGE_HEADER_BYTES, identity, image_header
from accel.protocol import (
    COUNTERS_BYTES,
    IDENTITY_BYTES,
    INFO_BYTES,
    FlashStatus,
    Opcode,
    Status,
    crc,
    header,
)


def test_the_crc_is_that_of_smbus():
    """By its published check value, and by Amaranth's catalog."""
    assert crc(b"123456789") == 0xF4
    parameters = amaranth_crc.catalog.CRC8_SMBUS(8)
    data = bytes(range(256)) * 2
    assert crc(data) == parameters.compute(data)
    assert crc(data + bytes([crc(data)])) == 0


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (header(Opcode.WRITE, 0x123456, 0x789A), "015634129a78"),
        (header(Opcode.READ, 5, 1), "020500000100"),
        (header(Opcode.RUN), "030000000000"),
        (header(Opcode.INFO), "040000000000"),
        (header(Opcode.CHECK), "050000000000"),
    ],
)
def test_a_header_is_opcode_location_count_and_crc(request_, expected):
    assert request_[:-1].hex() == expected
    assert request_[-1] == crc(request_[:-1])


def test_codes_stay_what_they_are():
    assert [int(status) for status in Status] == [0xA5, 0xE1, 0xE2, 0xE3]
    assert [int(status) for status in FlashStatus] == [0, 1, 2, 3, 4]
    assert Opcode.NONE == 0


def test_what_a_core_says_of_itself_has_16_bytes():
    config = AcceleratorConfig(rows=4, columns=6, format="int8_int4")
    said = identity(config)
    assert len(said) == IDENTITY_BYTES == 16
    assert said[:8] == b"accl" + bytes([3, 4, 6, 4])
    assert INFO_BYTES == 16 + 13 + 1
    assert COUNTERS_BYTES == 13  # four counters of 26 bits


def test_what_makes_no_difference_to_a_program_is_no_part_of_an_identity():
    config = AcceleratorConfig(rows=4, columns=6)
    for same in ({"family": "ecp5"}, {"element": "booth"}, {"element": "mixed", "dsps": 3}):
        assert identity(config.replace(**same)) == identity(config)
    for other in ({"sum_bits": 26}, {"bank_words": 8192}, {"requantizers": 2}, {"flash_lanes": 1}):
        assert identity(config.replace(**other)) != identity(config)


def test_an_image_begins_with_what_no_text_conversion_leaves_as_it_is():
    config = AcceleratorConfig()
    begin = image_header(config)
    assert begin == b"\x89accel\r\n" + bytes([3, 0, 0, 0]) + identity(config)
    assert len(begin) + 4 == IMAGE_HEADER_BYTES
