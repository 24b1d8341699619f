# amaranth: UnusedElaboratable=no
"""A delay line gives back what came the published number of cycles ago."""

import re

import pytest
from amaranth.back import rtlil
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.core.delay import DelayLine
from accel.core.primitives.family import FAMILIES
from tests.simulation import simulate


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("cycles", [1, 2, 3, 4, 7, 8])
@settings(max_examples=8)
@given(values=st.lists(st.integers(0, (1 << 34) - 1), min_size=30, max_size=60))
def test_a_value_comes_out_after_exactly_its_cycles(cycles, family, values):
    dut = DelayLine(34, cycles, family=family)
    seen = []

    async def bench(ctx):
        for value in values:
            ctx.set(dut.i, value)
            await ctx.tick()
            seen.append(ctx.get(dut.o))

    simulate(dut, bench)
    # What is seen behind tick n came before tick n - cycles + 1.
    assert seen[cycles - 1 :] == values[: len(values) - cycles + 1]


@pytest.mark.parametrize(("family", "style"), [("ice40up", "block"), ("ecp5", "distributed")])
def test_values_lie_in_the_ram_that_the_family_is_best_at(family, style):
    text = rtlil.convert(DelayLine(20, 3, family=family))
    assert re.findall(r'attribute \\ram_style "(\w+)"', text) == [style]


@pytest.mark.parametrize("cycles", [0, -1, 1.5])
def test_a_delay_that_is_none_is_refused(cycles):
    message = f"Delay must be a positive number of cycles, not {cycles!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        DelayLine(8, cycles, family="generic")
