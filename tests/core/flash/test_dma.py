"""Words are written in order, only where nobody else comes; a transfer ends with its last word."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import AcceleratorConfig
from accel.core.flash.dma import Dma
from tests.support.rtl.simulation import UNSHRUNK, simulate

CONFIG = AcceleratorConfig(bank_words=256, flash_lanes=4)


class Transfers:
    """Transfers of random lengths, one after another, whose words come and can be written now and
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
            fields = {"bank": bank, "address": address, "words_less_one": words - 1}
            for name, value in fields.items():
                ctx.set(dut.control.transfer[name], value)
            ctx.set(dut.control.start, 1)
            await self._tick(ctx)
            ctx.set(dut.control.start, 0)
            for name in fields:  # the descriptor is the next layer's now
                ctx.set(dut.control.transfer[name], rng.randrange(2))
            self.written, self.waiting = [], 3
            while ctx.get(dut.control.busy):
                await self._tick(ctx)
            assert self.written == [(bank, address + k) for k in range(words)]
            for _ in range(rng.randrange(9)):
                await self._tick(ctx)
            assert len(self.written) == words

    async def _tick(self, ctx):
        dut, rng = self.dut, self.rng
        offered, location = ctx.get(dut.memory.offered), ctx.get(dut.memory.location)
        assert not offered or self.before
        # Words have at least three cycles between them, and stay until they are written.
        self.waiting = max(0, self.waiting - 1)
        ctx.set(dut.words.valid, self.waiting == 0)
        taken = bool(offered) and self._often()
        ctx.set(dut.memory.taken, taken)
        # What is written is the word that came, which is taken with it.
        word = rng.getrandbits(CONFIG.word_bits)
        ctx.set(dut.words.word, word)
        assert ctx.get(dut.memory.data) == word
        assert ctx.get(dut.words.taken) == taken
        if taken:
            assert ctx.get(dut.words.valid)
            self.written.append((location.bank, location.address))
        quiet, streaming, bank = self._often(), rng.random() < 0.2, rng.randrange(2)
        for name, value in (("quiet", quiet), ("streaming", streaming), ("bank", bank)):
            ctx.set(getattr(dut.control, name), value)
        self.before = quiet or (not streaming and bank != location.bank)
        await ctx.tick()
        if taken:
            self.waiting = rng.choice([3, 4, 9])


@pytest.mark.parametrize("rate", [0, 0.5, 0.9])
@settings(UNSHRUNK, max_examples=10)
@given(seed=st.integers(0, 1 << 32))
def test_all_words_of_a_transfer_are_written_once_and_in_order(rate, seed):
    Transfers(seed, rate)
