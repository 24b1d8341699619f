# amaranth: UnusedElaboratable=no
"""A delay line gives back what came the published number of cycles ago."""

import re

import pytest
from amaranth.back import rtlil
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.core.primitives.delay_line import DelayLine
from accel.core.primitives.family import FAMILIES
from tests.support.rtl.simulation import UNSHRUNK, simulate


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("cycles", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("width", [3, 34, 37])  # the rest of a block of RAM few bits, or more
@settings(UNSHRUNK, max_examples=4)
@given(data=st.data())
def test_a_value_comes_out_after_exactly_its_cycles(width, cycles, family, data):
    numbers = st.integers(0, (1 << width) - 1)
    values = data.draw(st.lists(numbers, min_size=30, max_size=60))
    dut = DelayLine(width, cycles, family=family)
    seen = []

    async def bench(ctx):
        for value in values:
            ctx.set(dut.i, value)
            await ctx.tick()
            seen.append(ctx.get(dut.o))

    simulate(dut, bench)
    # What is seen after tick n came before tick n - cycles + 1.
    assert seen[cycles - 1 :] == values[: len(values) - cycles + 1]


@pytest.mark.parametrize(("family", "style"), [("ice40up", "block"), ("ecp5", "distributed")])
def test_values_lie_in_the_ram_that_the_family_is_best_at(family, style):
    text = rtlil.convert(DelayLine(20, 3, family=family))
    assert re.findall(r'attribute \\ram_style "(\w+)"', text) == [style]


@pytest.mark.parametrize(
    ("family", "width", "in_memory"),
    [
        ("ice40up", 4, []),
        ("ice40up", 5, [5]),
        ("ice40up", 20, [16]),
        ("ice40up", 21, [21]),
        ("ice40up", 32, [32]),
        ("generic", 36, [32]),
        ("ice40hx", 36, []),
        ("ecp5", 3, [3]),
        ("ecp5", 20, [20]),
    ],
)
def test_a_few_bits_take_no_block_of_their_own(family, width, in_memory):
    text = rtlil.convert(DelayLine(width, 3, family=family))
    assert re.findall(r"memory width (\d+) size 3", text) == [str(bits) for bits in in_memory]


@pytest.mark.parametrize("cycles", [0, -1, 1.5])
def test_a_delay_that_is_none_is_refused(cycles):
    message = f"Delay must be a positive number of cycles, not {cycles!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DelayLine(8, cycles, family="generic")
