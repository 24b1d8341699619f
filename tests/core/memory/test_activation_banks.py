"""Both banks serve array, write-back and the rest at once, and nobody sees another's words."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import FAMILIES, AcceleratorConfig
from accel.core.memory.activation_banks import ActivationBanks
from tests.support.in_turn import in_turn
from tests.support.rtl.simulation import UNSHRUNK, simulate

WORDS = 256  # the least that a bank may have
USED = (0, 1, 2, 3, 100, 254, 255)  # few words meet often


class Traffic:
    """Random accesses of everybody in the same cycles, and a model of what is in memory.

    As in a core, array and write-back say a cycle before that they come, and change their banks
    between layers only, when their last access is over.
    """

    def __init__(self, config, seed, cycles):
        self.config = config
        self.dut = ActivationBanks(config, simulate=True)
        self.rng = random.Random(seed)
        self.cycles = cycles
        self.memory = {}
        self.expected = {name: {} for name in ("array_data", "result_data", "shared_data")}
        self.seen = {name: [] for name in self.expected}
        self.layer_bank, self.layer_left = 0, 0
        self.coming = {"array": False, "result": False}
        self.transferred = self.host_words = 0
        self.offered, self.host_free = None, False
        simulate(self.dut, self._bench)

    def _bytes(self):
        return self.rng.getrandbits(self.config.word_bits)

    def _mask(self):
        return self.rng.randrange(1, 1 << self.config.rows)

    def _store(self, bank, address, mask, value):
        full = sum(0xFF << 8 * k for k in range(self.config.rows) if mask >> k & 1)
        old = self.memory[bank, address]
        self.memory[bank, address] = old & ~full | value & full

    async def _bench(self, ctx):
        dut = self.dut
        for bank in (0, 1):
            for address in USED:
                self.memory[bank, address] = value = self._bytes()
                await write_word(ctx, dut, bank, address, value)
        for time in range(self.cycles):
            self._cycle(ctx, time)
            for name, port in (
                ("array_data", dut.array_data),
                ("result_data", dut.result.read_data),
                ("shared_data", dut.shared.read_data),
            ):
                self.seen[name].append(ctx.get(port))
            await ctx.tick()

    def _announce(self, ctx):
        """What takes place in this cycle, and what comes in the next one."""
        dut, present = self.dut, self.coming
        self.layer_left -= 1
        if self.layer_left < 0:
            self.layer_bank = self.rng.randrange(2)
            self.layer_left = self.rng.randrange(10, 80)
        running = self.layer_left > dut.latency
        self.coming = {name: running and self.rng.random() < 0.6 for name in present}
        for name, value in self.coming.items():
            ctx.set(getattr(dut, name).coming, value)
        return present["array"], present["result"]

    def _cycle(self, ctx, time):
        dut, rng = self.dut, self.rng
        reads, results = self._announce(ctx)
        bank, others = self.layer_bank, rng.random() < 0.6
        array_address, result_address, address = rng.choices(USED, k=3)
        data, mask = self._bytes(), self._mask() if rng.random() < 0.5 else 0
        if self.config.flash_lanes:
            ctx.set(dut.dma.offered, 0)
        ctx.set(dut.array.bank, bank)
        ctx.set(dut.array.address, array_address)
        ctx.set(dut.result.bank, 1 - bank)
        ctx.set(dut.result.address, result_address)
        ctx.set(dut.result.write_en, mask)  # without an access it means nothing
        ctx.set(dut.result.write_data, data)
        shared_bank = rng.randrange(2)
        ctx.set(dut.shared.en, others)
        ctx.set(dut.shared.location, {"bank": shared_bank, "address": address})

        written = self._host_word(ctx, reads, results)
        busy = [(reads and bank == index) or (results and bank != index) for index in range(2)]
        if written is not None:
            assert not busy[written]
            busy[written] = True
        granted = not busy[shared_bank] and written is None
        assert ctx.get(dut.shared.granted) == granted
        due = time + dut.latency
        if reads:
            self.expected["array_data"][due] = self.memory[bank, array_address]
        if results and not mask:
            self.expected["result_data"][due] = self.memory[1 - bank, result_address]
        if others and granted:
            self.expected["shared_data"][due] = self.memory[shared_bank, address]
        if results and mask:
            self._store(1 - bank, result_address, mask, data)
        if self.config.flash_lanes:
            # What write-back and DMA write is on one bus.
            self._transfer(ctx, busy, results, shared_bank if others else None)

    def _host_word(self, ctx, reads, results):
        """A word of the link is written as soon as nobody else is about to access its bank; the
        bank where that is."""
        dut, rng = self.dut, self.rng
        if self.offered is None and rng.random() < 0.5:
            self.offered = rng.randrange(2), rng.choice(USED), self._bytes()
            self.host_free = False
        ctx.set(dut.host.valid, self.offered is not None)
        if self.offered is None:
            assert not ctx.get(dut.host.taken)
            return None
        bank, address, data = self.offered
        ctx.set(dut.host.location, {"bank": bank, "address": address})
        ctx.set(dut.host.data, data)
        assert ctx.get(dut.host.taken) == self.host_free
        if self.host_free:
            self._store(bank, address, (1 << self.config.rows) - 1, data)
            self.offered, self.host_free = None, False
            self.host_words += 1
            return bank
        user = "array" if self.layer_bank == bank else "result"
        self.host_free = not self.coming[user]
        return None

    def _transfer(self, ctx, busy, blocked, shared_bank):
        """A word of the DMA comes after everybody else."""
        dut, rng = self.dut, self.rng
        bank, address, data = rng.randrange(2), rng.choice(USED), self._bytes()
        offered = bank != shared_bank and rng.random() < 0.5
        ctx.set(dut.dma.offered, offered)
        ctx.set(dut.dma.location, {"bank": bank, "address": address})
        ctx.set(dut.dma.data, data)
        taken = offered and not blocked and not busy[bank]
        assert ctx.get(dut.dma.taken) == taken
        self.transferred += taken
        if taken:
            self._store(bank, address, (1 << self.config.rows) - 1, data)

    def check(self):
        assert self.transferred > self.cycles // 50 or not self.config.flash_lanes
        assert self.host_words > self.cycles // 20

        for name, expected in self.expected.items():
            seen = self.seen[name]
            due = {time: value for time, value in expected.items() if time < len(seen)}
            assert len(due) > self.cycles // 20
            assert {time: seen[time] for time in due} == due


async def write_word(ctx, dut, bank, address, value):
    """Write a word as the link does."""
    ctx.set(dut.host.valid, 1)
    ctx.set(dut.host.location, {"bank": bank, "address": address})
    ctx.set(dut.host.data, value)
    await ctx.tick().until(dut.host.taken)
    ctx.set(dut.host.valid, 0)


@pytest.mark.parametrize(("rows", "family"), in_turn((2, 3, 4, 8), FAMILIES, times=2))
@settings(UNSHRUNK, max_examples=3)
@given(seed=st.integers(0, 1 << 32), lanes=st.sampled_from((0, 4)))
def test_every_read_sees_the_writes_before_it_by_the_published_latency(rows, family, seed, lanes):
    config = AcceleratorConfig(
        rows=rows, columns=4, family=family, bank_words=WORDS, flash_lanes=lanes
    )
    Traffic(config, seed, 300).check()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_word_that_was_read_stays_until_the_next_access(family):
    """The link takes it byte by byte while its host makes it wait."""
    config = AcceleratorConfig(family=family, bank_words=WORDS)
    dut = ActivationBanks(config, simulate=True)

    async def bench(ctx):
        ctx.set(dut.result.bank, 1)
        for address in (7, 9):
            await write_word(ctx, dut, 1, address, 0x01010101 * address)
        ctx.set(dut.shared.en, 1)
        ctx.set(dut.shared.location, {"bank": 1, "address": 7})
        await ctx.tick()
        ctx.set(dut.shared.en, 0)
        for _ in range(dut.latency - 1):
            await ctx.tick()
        for address in range(20):
            assert ctx.get(dut.shared.read_data) == 0x07070707
            # The other bank, and what is not enabled, change nothing.
            ctx.set(dut.array.coming, address % 2)
            ctx.set(dut.array.address, address)
            ctx.set(dut.result.write_en, 0xF)
            await ctx.tick()

    simulate(dut, bench)
