"""A memory whose depth is no power of two takes no more block RAM than its bytes need."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel.core.primitives.ecp5_memory import WIDE_SHAPES, cells_for, sections_for

LEAST = WIDE_SHAPES[0][1]


@given(st.integers(1, 70000))
def test_the_parts_follow_each_other_and_hold_all(depth):
    sections = sections_for(depth)
    assert sections[0].first == 0
    assert all(a.first + a.depth == b.first for a, b in pairwise(sections))
    last = sections[-1]
    assert last.first < depth <= last.first + last.depth
    for section in sections:
        assert (section.width, section.depth) in WIDE_SHAPES
        assert section.first % section.depth == 0, "the address's high bits choose the part"


@given(st.integers(1, 70000), st.integers(1, 16))
def test_no_cell_is_more_than_the_bytes_need(depth, width_bytes):
    # A cell holds a byte of each word of 2048, or two of 1024.
    halves = -(-depth // LEAST)
    assert cells_for(8 * width_bytes, depth) == width_bytes * (halves // 2) + (
        -(-width_bytes // 2) * (halves % 2)
    )


@pytest.mark.parametrize(
    ("depth", "parts"),
    [
        (16384, [16384]),
        (20480, [16384, 4096]),
        (22528, [16384, 4096, 2048]),
        (5120, [4096, 1024]),
        (4000, [4096]),
        (3000, [2048, 1024]),
    ],
)
def test_parts_are_as_few_as_can_be(depth, parts):
    assert [section.depth for section in sections_for(depth)] == parts
