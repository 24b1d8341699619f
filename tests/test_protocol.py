"""Frames are what is documented, byte by byte: a core of today understands a host of tomorrow."""

import zlib

import pytest

from accel.config import AcceleratorConfig
from accel.identity import IMAGE_HEADER_BYTES, identity, image_header
from accel.protocol import (
    COUNTERS_BYTES,
    EXTENSION_BYTES,
    FRAME_BYTES,
    HEADER,
    HEADER_BYTES,
    IDENTITY_BYTES,
    INFO_BYTES,
    FlashStatus,
    Opcode,
    Outcome,
    Status,
    closed,
    crc,
    extension,
    header,
    values_of,
)


def test_the_crc_is_that_of_ethernet():
    """By its published check value."""
    assert crc(b"123456789") == bytes.fromhex("2639f4cb")
    assert closed(b"ab") == b"ab" + zlib.crc32(b"ab").to_bytes(4, "little")


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            header(Opcode.WRITE, 7, lanes_less_one=2, location=0x123456, count=0x69A),
            "01079a16563412",
        ),
        (header(Opcode.RUN, 255, location=5, count=1), "02ff0100050000"),
        (header(Opcode.READ, 9), "03090000000000"),
        (header(Opcode.INFO), "04000000000000"),
        (header(Opcode.HELLO, 1), "05010000000000"),
        (header(Opcode.CHECK), "06000000000000"),
        (header(Opcode.ABORT), "07000000000000"),
        (header(Opcode.RATE, count=3), "08000300000000"),
        (extension(location=0x123456, count=0x1FF, lanes_less_one=3, limit=9), "563412ff1909"),
    ],
)
def test_a_frame_is_its_fields_and_their_crc(request_, expected):
    fields = bytes.fromhex(expected)
    assert request_ == fields + zlib.crc32(fields).to_bytes(4, "little")


def test_fields_are_read_as_they_are_written():
    fields = {"opcode": 1, "number": 7, "lanes_less_one": 3, "location": 0x123456, "count": 0x69A}
    assert values_of(HEADER, header(**{**fields, "opcode": Opcode.WRITE})) == fields


def test_codes_stay_what_they_are():
    assert [int(status) for status in Status] == [0x82, 0x83, 0x84, 0xE0, 0xE1, 0xE2, 0xE3]
    assert [int(outcome) for outcome in Outcome] == [0, 1, 2, 3, 4]
    assert [int(status) for status in FlashStatus] == [0, 1, 2, 3, 4]
    assert Opcode.NONE == 0


def test_sizes_stay_what_they_are():
    assert (HEADER_BYTES, EXTENSION_BYTES, FRAME_BYTES) == (11, 6, 11 + 1024 + 4)


def test_what_a_core_says_of_itself_has_16_bytes():
    config = AcceleratorConfig(rows=4, columns=6, format="int8_int4")
    said = identity(config)
    assert len(said) == IDENTITY_BYTES == 16
    assert said[:8] == b"accl" + bytes([4, 4, 6, 4])
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
    assert begin == b"\x89accel\r\n" + bytes([4, 0, 0, 0]) + identity(config)
    assert len(begin) + 4 == IMAGE_HEADER_BYTES
