"""Each result gets the word and the byte where plain Python puts it, and which are not written."""

import random

import pytest
from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from accel.core.datapath.result_address import ResultAddress, destination_layout
from accel.core.datapath.result_loops import ResultLoops
from accel.core.signatures import LayerControl
from accel.isa import Isa
from tests.support.rtl.output_places import output_fields, places
from tests.support.rtl.simulation import UNSHRUNK, simulate

SIZES = [(2, 1, 1), (2, 2, 2), (3, 5, 1), (4, 4, 1), (4, 4, 4), (4, 8, 2), (2, 6, 2), (8, 4, 2)]


class Addressed(wiring.Component):
    """The addresses with the loops that they follow."""

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "layer": In(LayerControl(Isa(config))),
                "coming": In(1),
                "valid": Out(1),
                "o": Out(destination_layout(config)),
                "word_begin_next": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.loops = loops = ResultLoops(self.config)
        m.submodules.address = address = ResultAddress(self.config)
        for part in (loops, address):
            m.d.comb += [
                part.layer.descriptor.eq(self.layer.descriptor),
                part.layer.start.eq(self.layer.start),
            ]
        m.d.comb += [
            loops.coming.eq(self.coming),
            address.loops.eq(loops.o),
            self.valid.eq(loops.o.valid),
            self.o.eq(address.o),
            self.word_begin_next.eq(address.word_begin_next),
        ]
        return m


@pytest.mark.parametrize(("rows", "columns", "requantizers"), SIZES)
@settings(UNSHRUNK, max_examples=3)
@given(seed=st.integers(0, 1 << 32))
def test_results_go_where_the_descriptor_says(rows, columns, requantizers, seed):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers)
    dut, rng, bits = Addressed(config), random.Random(seed), Isa(config).address_bits

    async def bench(ctx):
        for _ in range(3):
            fields = output_fields(Isa(config), rng, residual=False)
            ctx.set(dut.layer.descriptor, fields)
            ctx.set(dut.layer.start, 1)
            await ctx.tick()
            ctx.set(dut.layer.start, 0)
            await ctx.tick().repeat(4)
            expected = list(places(fields, config, bits))
            for index, place in enumerate(expected):
                ctx.set(dut.coming, 0)
                pause = rng.choice([0, 0, 1, 9]) if index % config.drain_cycles == 0 else 0
                for _ in range(pause):
                    await ctx.tick()
                ctx.set(dut.coming, 1)
                begins_next = ctx.get(dut.word_begin_next)
                await ctx.tick()
                o, last = dut.o, index == len(expected) - 1
                assert ctx.get(dut.valid)
                assert ctx.get(o.real) == place.real
                assert (ctx.get(o.word_begin), ctx.get(o.word_end)) == (place.begins, place.ends)
                assert begins_next == place.begins
                assert ctx.get(o.layer_end) == last
                if place.real:
                    assert (ctx.get(o.word), ctx.get(o.byte)) == (place.word, place.lane)
            ctx.set(dut.coming, 0)
            await ctx.tick()

    simulate(dut, bench, cycles=100_000)
