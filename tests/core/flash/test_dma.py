"""Words are copied in order, only where nobody else comes, and a copy ends with its last word."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from accel.core.flash.dma import Dma
from tests.support.rtl.simulation import UNSHRUNK, simulate

CONFIG = AcceleratorConfig(bank_words=256, flash_lanes=4)


class Copies:
    """Copies of random lengths, one after another, whose words come and can be written now and
    then."""

    def __init__(self, seed, rate):
        self.rng, self.rate = random.Random(seed), rate
        self.dut = Dma(CONFIG)
        self.written, self.before, self.waiting = [], False, 0
        simulate(self.dut, self._bench, cycles=100_000)

    def _often(self):
        return self.rng.random() >= self.rate

    async def _bench(self, ctx):
        dut, rng = self.dut, self.rng
        for _ in range(5):
            words, bank, address = rng.choice([1, 2, 3, 17]), rng.randrange(2), rng.randrange(200)
            fields = {"input_bank": bank, "input_base": address, "position_outer_step": words - 1}
            for name, value in fields.items():
                ctx.set(dut.descriptor[name], value)
            ctx.set(dut.begin, 1)
            await self._tick(ctx)
            ctx.set(dut.begin, 0)
            for name in fields:  # the descriptor is the next layer's now
                ctx.set(dut.descriptor[name], rng.randrange(2))
            self.written, self.waiting = [], 3
            while ctx.get(dut.active):
                await self._tick(ctx)
            assert self.written == [(bank, address + k) for k in range(words)]
            for _ in range(rng.randrange(9)):
                await self._tick(ctx)
            assert len(self.written) == words

    async def _tick(self, ctx):
        dut, rng = self.dut, self.rng
        offered, location = ctx.get(dut.offered), ctx.get(dut.location)
        assert not offered or self.before
        # Words have at least three cycles between them, and stay until they are written.
        self.waiting = max(0, self.waiting - 1)
        ctx.set(dut.valid, self.waiting == 0)
        taken = bool(offered) and self._often()
        ctx.set(dut.taken, taken)
        if taken:
            assert ctx.get(dut.valid)
            self.written.append((location.bank, location.address))
        quiet, streaming, bank = self._often(), rng.random() < 0.2, rng.randrange(2)
        for name, value in (("quiet", quiet), ("streaming", streaming), ("bank", bank)):
            ctx.set(getattr(dut, name), value)
        self.before = quiet or (not streaming and bank != location.bank)
        await ctx.tick()
        if taken:
            self.waiting = rng.choice([3, 4, 9])


@pytest.mark.parametrize("rate", [0, 0.5, 0.9])
@settings(UNSHRUNK, max_examples=10)
@given(seed=st.integers(0, 1 << 32))
def test_all_words_of_a_copy_are_written_once_and_in_order(rate, seed):
    Copies(seed, rate)
