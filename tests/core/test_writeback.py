"""Every code goes to the byte where plain Python puts it, and nothing else is written."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from accel.core.writeback import WriteBack
from tests.layers import random_fields
from tests.simulation import simulate

SIZES = [  # rows, columns, requantizers
    (2, 1, 1),
    (2, 2, 2),
    (3, 5, 1),
    (4, 4, 1),
    (4, 4, 4),
    (4, 8, 2),
    (8, 4, 2),
    (6, 4, 2),
]


def output_fields(isa, rng):
    """A layer of which columns, and positions of each run, are left out; lanes as requantizers
    want them."""
    config = isa.config
    rows, columns, count = config.rows, config.columns, config.requantizers
    fields = random_fields(isa, rng)
    return fields | {
        "run_filling": rng.randrange(min(rows, fields["run_less_one"] + 1)),
        "output_lane": rng.randrange(0, rows, count),
        "output_group_lanes": rng.randrange(0, rows, count),
        "columns_less_one": rng.randrange(columns),
        "last_columns_less_one": rng.randrange(columns),
    }


def places(f, config, address_bits):
    """Word and lane of each code in the order of the drain, or None where it is not written.

    Requantizers write together: up to the last of those that have a channel to write.
    """
    rows, columns, count = config.rows, config.columns, config.requantizers
    real = f["run_less_one"] + 1 - f["run_filling"]
    for group in range(f["groups_less_one"] + 1):
        last_group = group == f["groups_less_one"]
        limit = f["last_columns_less_one" if last_group else "columns_less_one"]
        limit -= limit % count
        word, found = f["output_base"], []
        for _ in range(f["runs_less_one"] + 1):
            for inner in range(f["run_less_one"] + 1):
                found.append(word if inner < real else None)
                last = inner == f["run_less_one"]
                word += f["output_outer_step" if last else "output_inner_step"]
        found += [None] * (-len(found) % rows)
        first = group * (f["output_group_words"] * rows + f["output_group_lanes"])
        for word in found:
            for column in range(0, columns, count):
                if word is None or column > limit:
                    yield None
                else:
                    byte = word * rows + f["output_lane"] + first + column
                    yield byte // rows % (1 << address_bits), byte % rows


class Layers:
    """Runs layers one after another; tiles come with random pauses, and garbage between them."""

    def __init__(self, config, seed):
        self.config, self.dut = config, WriteBack(config)
        self.rng = random.Random(seed)
        self.expected, self.seen, self.time = {}, {}, 0
        self.done, self.done_seen = [], []
        simulate(self.dut, self._bench, cycles=100_000)

    async def _cycle(self, ctx, coming=0, codes=None):
        dut, width = self.dut, 8 * self.config.requantizers
        ctx.set(dut.coming, coming)
        ctx.set(dut.codes, self.rng.getrandbits(width) if codes is None else codes)
        if ctx.get(dut.write):
            mask, data = ctx.get(dut.write_en), ctx.get(dut.write_data)
            codes = [(k, data >> 8 * k & 0xFF) for k in range(self.config.rows) if mask >> k & 1]
            self.seen[self.time] = (ctx.get(dut.write_address), codes)
        if ctx.get(dut.done):
            self.done_seen.append(self.time)
        await ctx.tick()
        self.time += 1

    async def _bench(self, ctx):
        config, count = self.config, self.config.requantizers
        for _ in range(4):
            fields = output_fields(self.dut.isa, self.rng)
            ctx.set(self.dut.descriptor, fields)
            ctx.set(self.dut.start, 1)
            await self._cycle(ctx)
            ctx.set(self.dut.start, 0)
            for _ in range(4):
                await self._cycle(ctx)
            codes = None  # of the cycle before
            for index, place in enumerate(places(fields, config, self.dut.isa.address_bits)):
                if index % config.drain_cycles == 0:
                    for _ in range(self.rng.choice([0, 0, 1, 9])):
                        await self._cycle(ctx, 0, codes)
                        codes = None
                await self._cycle(ctx, 1, codes)
                codes = self.rng.getrandbits(8 * count)
                # Codes come in the cycle that is now beginning, the write in the one behind it.
                if place is not None:
                    word, lane = place
                    written = [(lane + k, codes >> 8 * k & 0xFF) for k in range(count)]
                    self.expected[self.time + 1] = (word, written)
            self.done.append(self.time + 1)
            await self._cycle(ctx, 0, codes)
            for _ in range(3):
                await self._cycle(ctx)

    def check(self):
        assert self.seen == self.expected
        assert self.done_seen == self.done


@pytest.mark.parametrize(("rows", "columns", "requantizers"), SIZES)
@settings(max_examples=6)
@given(seed=st.integers(0, 1 << 32))
def test_codes_go_where_the_descriptor_says_a_cycle_behind_them(rows, columns, requantizers, seed):
    config = AcceleratorConfig(rows=rows, columns=columns, requantizers=requantizers)
    Layers(config, seed).check()
