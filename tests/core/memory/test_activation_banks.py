"""Both banks serve array, write-back and others at once, and nobody sees another's words."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel.config import FAMILIES, AcceleratorConfig
from accel.core.memory.activation_banks import ActivationBanks
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
        self.expected = {name: {} for name in ("array_data", "result_data", "other_read_data")}
        self.seen = {name: [] for name in self.expected}
        self.layer_bank, self.layer_left = 0, 0
        self.coming = {"array": False, "result": False}
        self.copied = 0
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
                ctx.set(dut.other_en, 1)
                ctx.set(dut.other_location, {"bank": bank, "address": address})
                ctx.set(dut.other_write, (1 << self.config.rows) - 1)
                ctx.set(dut.write_data, value)
                await ctx.tick()
        for time in range(self.cycles):
            self._cycle(ctx, time)
            for name, seen in self.seen.items():
                seen.append(ctx.get(getattr(dut, name)))
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
            ctx.set(getattr(dut, f"{name}_coming"), value)
        return present["array"], present["result"]

    def _cycle(self, ctx, time):
        dut, rng = self.dut, self.rng
        reads, results = self._announce(ctx)
        bank, others = self.layer_bank, rng.random() < 0.6
        array_address, result_address, address = rng.choices(USED, k=3)
        data, mask = self._bytes(), self._mask() if rng.random() < 0.5 else 0
        if self.config.flash_lanes:
            ctx.set(dut.dma_offered, 0)
        ctx.set(dut.array_bank, bank)
        ctx.set(dut.array_address, array_address)
        ctx.set(dut.result_bank, 1 - bank)
        ctx.set(dut.result_address, result_address)
        ctx.set(dut.write_en, mask)  # without an access it means nothing
        ctx.set(dut.write_data, data)
        # All writes share their data, so others write only where the write-back does not.
        other_bank = rng.randrange(2)
        other_mask = self._mask() if not (results and mask) and rng.random() < 0.5 else 0
        ctx.set(dut.other_en, others)
        ctx.set(dut.other_location, {"bank": other_bank, "address": address})
        ctx.set(dut.other_write, other_mask)

        taken = (reads and other_bank == bank) or (results and other_bank != bank)
        granted = not taken
        assert ctx.get(dut.other_granted) == granted
        due = time + dut.latency
        if reads:
            self.expected["array_data"][due] = self.memory[bank, array_address]
        if results and not mask:
            self.expected["result_data"][due] = self.memory[1 - bank, result_address]
        if others and granted and not other_mask:
            self.expected["other_read_data"][due] = self.memory[other_bank, address]
        if results and mask:
            self._store(1 - bank, result_address, mask, data)
        if others and granted and other_mask:
            self._store(other_bank, address, other_mask, data)
        elif self.config.flash_lanes:
            self._copy(ctx, reads, results, other_bank if others else None)

    def _copy(self, ctx, reads, results, other_bank):
        """A word that is copied comes after everybody else."""
        dut, rng = self.dut, self.rng
        bank, address, data = rng.randrange(2), rng.choice(USED), self._bytes()
        offered = bank != other_bank and rng.random() < 0.5
        ctx.set(dut.dma_offered, offered)
        ctx.set(dut.dma_location, {"bank": bank, "address": address})
        ctx.set(dut.dma_data, data)
        taken = offered and not results and not (reads and bank == self.layer_bank)
        assert ctx.get(dut.dma_taken) == taken
        self.copied += taken
        if taken:
            self._store(bank, address, (1 << self.config.rows) - 1, data)

    def check(self):
        assert self.copied > self.cycles // 50 or not self.config.flash_lanes

        for name, expected in self.expected.items():
            seen = self.seen[name]
            due = {time: value for time, value in expected.items() if time < len(seen)}
            assert len(due) > self.cycles // 20
            assert {time: seen[time] for time in due} == due


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rows", [2, 3, 4, 8])
@settings(UNSHRUNK, max_examples=4)
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
        ctx.set(dut.result_bank, 1)
        ctx.set(dut.other_en, 1)
        for address, mask in ((7, 0xF), (9, 0xF), (7, 0)):
            ctx.set(dut.other_location, {"bank": 1, "address": address})
            ctx.set(dut.other_write, mask)
            ctx.set(dut.write_data, 0x01010101 * address)
            await ctx.tick()
        ctx.set(dut.other_en, 0)
        for _ in range(dut.latency - 1):
            await ctx.tick()
        for address in range(20):
            assert ctx.get(dut.other_read_data) == 0x07070707
            # The other bank, and what is not enabled, change nothing.
            ctx.set(dut.array_coming, address % 2)
            ctx.set(dut.array_address, address)
            ctx.set(dut.write_en, 0xF)
            await ctx.tick()

    simulate(dut, bench)
