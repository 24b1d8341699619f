"""Words come from where the pointer is, memory or flash; the link has bytes while nothing runs."""

import random

import pytest
from amaranth.hdl import *
from amaranth.lib import wiring

from accel.compiler.ir.bit_fields import encode
from accel.config import AcceleratorConfig
from accel.core.flash.unit import FlashUnit
from accel.identity import image_header
from accel.isa import FLASH_UNIT, Isa
from accel.protocol import FlashStatus
from accel.sim.rtl.flash_chip import FlashChip
from tests.support.rtl.flash_bench import image
from tests.support.rtl.simulation import simulate

CONFIG = AcceleratorConfig(bank_words=256, flash_lanes=4)
ISA = Isa(CONFIG)
LATENCY = 2
CONTENTS = random.Random(5).randbytes(3 * FLASH_UNIT)
IMAGE = image(CONTENTS, header=image_header(CONFIG))


class Bench(Elaboratable):
    """The unit and a chip."""

    def __init__(self):
        self.unit = FlashUnit(CONFIG, offset=0, memory_latency=LATENCY, simulate=True)
        self.chip = FlashChip(size=8192)

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit, m.submodules.chip = self.unit, self.chip
        wiring.connect(m, self.unit.pins, self.chip.pins)
        return m

    async def checked(self, ctx):
        for index, byte in enumerate(IMAGE):
            ctx.set(self.chip.memory.data[index], byte)
        while ctx.get(self.unit.host.status) == FlashStatus.CHECKING:
            await ctx.tick()
        assert ctx.get(self.unit.host.status) == FlashStatus.OK
        assert ctx.get(self.unit.control.valid)


def words_from(address, count):
    data = IMAGE[address : address + count * CONFIG.rows]
    return [int.from_bytes(data[k : k + 4], "little") for k in range(0, len(data), 4)]


def run(bench):
    dut = Bench()

    async def whole(ctx):
        await dut.checked(ctx)
        await bench(ctx, dut.unit)

    simulate(dut, whole, cycles=40_000)


def test_while_a_program_runs_the_sequencer_has_words_of_the_flash():
    async def bench(ctx, unit):
        pointer = 1 << ISA.pointer.size - 1 | 1
        ctx.set(unit.control.idle, 0)
        ctx.set(unit.chunk.pointer.as_value(), pointer)
        assert ctx.get(unit.host.selected)
        ctx.set(unit.control.start, 1)
        await ctx.tick()
        ctx.set(unit.control.start, 0)
        ctx.set(unit.memory.granted, 1)  # by the memory, which is not asked
        ctx.set(unit.memory.read_data, 0xDEADBEEF)
        ctx.set(unit.chunk.en, 1)
        found = []
        while len(found) < 12:
            assert not ctx.get(unit.memory.en)
            granted = ctx.get(unit.chunk.granted)
            await ctx.tick()
            if granted:
                ctx.set(unit.chunk.en, 0)
                await ctx.tick().repeat(LATENCY - 1)
                found.append(ctx.get(unit.chunk.data))
                ctx.set(unit.chunk.en, 1)
        assert found == words_from(FLASH_UNIT, 12)

    run(bench)


def test_words_of_memory_pass_as_they_are():
    async def bench(ctx, unit):
        rng = random.Random(2)
        ctx.set(unit.control.idle, 0)
        for _ in range(20):
            address, bank, granted = rng.randrange(256), rng.randrange(2), rng.randrange(2)
            word = rng.getrandbits(CONFIG.word_bits)
            ctx.set(unit.chunk.pointer.as_value(), bank << ISA.address_bits | address)
            ctx.set(unit.chunk.en, 1)
            ctx.set(unit.memory.granted, granted)
            ctx.set(unit.memory.read_data, word)
            location = ctx.get(unit.memory.location)
            assert (location.bank, location.address) == (bank, address)
            assert ctx.get(unit.memory.en) and not ctx.get(unit.host.selected)
            assert ctx.get(unit.chunk.granted) == granted
            assert ctx.get(unit.chunk.data) == word
            await ctx.tick()

    run(bench)


@pytest.mark.parametrize("unit_number", [0, 2])
def test_while_nothing_runs_the_link_has_the_bytes(unit_number):
    async def bench(ctx, unit):
        ctx.set(unit.control.idle, 1)
        ctx.set(unit.chunk.pointer.as_value(), 1 << ISA.pointer.size - 1 | unit_number)
        await ctx.tick().repeat(2)
        ctx.set(unit.host.start, 1)
        await ctx.tick()
        ctx.set(unit.host.start, 0)
        await ctx.tick().repeat(2)
        ctx.set(unit.host.data.ready, 1)
        found = []
        for _ in range(20):
            (byte,) = await ctx.tick().sample(unit.host.data.payload).until(unit.host.data.valid)
            found.append(byte)
        address = unit_number * FLASH_UNIT
        assert bytes(found) == IMAGE[address : address + 20]

    run(bench)


def test_words_of_a_transfer_go_to_memory_and_not_to_the_sequencer():
    async def bench(ctx, unit):
        ctx.set(unit.control.idle, 0)
        ctx.set(unit.chunk.pointer.as_value(), 1 << ISA.pointer.size - 1 | 1)
        ctx.set(unit.control.start, 1)
        await ctx.tick()
        ctx.set(unit.control.start, 0)
        await ctx.tick()
        # The pointer goes on into memory while the transfer's words come.
        ctx.set(unit.chunk.pointer.as_value(), 3)
        fields = {"next": 3, "dma": 1, "bank": 1, "address": 7, "words_less_one": 4}
        ctx.set(unit.dma.transfer.as_value(), encode(ISA.dma_descriptor, fields))
        ctx.set(unit.dma.start, 1)
        await ctx.tick()
        ctx.set(unit.dma.start, 0)
        ctx.set(unit.dma.quiet, 1)
        written = []
        while ctx.get(unit.dma.busy):
            offered = ctx.get(unit.dma_memory.offered)
            ctx.set(unit.dma_memory.taken, offered)
            if offered:
                location = ctx.get(unit.dma_memory.location)
                written.append((location.bank, location.address, ctx.get(unit.dma_memory.data)))
            await ctx.tick()
        words = words_from(FLASH_UNIT, 5)
        assert written == [(1, 7 + k, word) for k, word in enumerate(words)]

    run(bench)
