# amaranth: UnusedElaboratable=no
"""The flash of simulations answers as the data sheet says, bit by bit, and nothing else."""

import random

import pytest

from accel.sim.rtl.flash_chip import FlashChip
from tests.support.rtl.simulation import simulate

SIZE = 256
DATA = random.Random(3).randbytes(SIZE)
NOTHING = 0xFF  # lines that nobody drives are pulled up
READS = {0x03: (0, 1), 0x0B: (8, 1), 0x3B: (8, 2), 0x6B: (8, 4)}


class Master:
    """Drives the pins one slow clock at a time."""

    def __init__(self, ctx, chip):
        self.ctx = ctx
        self.pins = chip.pins

    async def select(self, level: int = 1, cycles: int = 4):
        self.ctx.set(self.pins.cs, level)
        self.ctx.set(self.pins.dq_oe, 0)
        await self.ctx.tick().repeat(cycles)

    async def clock(self, lines: int = 0, driven: int = 0) -> int:
        """One clock; what was on the lines before it fell."""
        self.ctx.set(self.pins.dq_o, lines)
        self.ctx.set(self.pins.dq_oe, driven)
        self.ctx.set(self.pins.sck, 1)
        await self.ctx.tick()
        self.ctx.set(self.pins.sck, 0)
        self.ctx.set(self.pins.dq_oe, 0)
        await self.ctx.tick()
        return self.ctx.get(self.pins.dq_i)

    async def send(self, value: int, bits: int, lanes: int = 1):
        for low in range(bits - lanes, -1, -lanes):
            await self.clock(value >> low & (1 << lanes) - 1, (1 << lanes) - 1)

    async def byte(self, lanes: int = 1) -> int:
        value = 0
        for _ in range(8 // lanes):
            lines = await self.clock()
            value = value << lanes | (lines >> 1 & 1 if lanes == 1 else lines & (1 << lanes) - 1)
        return value

    async def read(self, instruction: int, address: int, count: int, *, extra: int = 0) -> bytes:
        dummies, lanes = READS[instruction]
        await self.select()
        await self.send(instruction << 24 | address, 32)
        for _ in range(dummies + extra):
            await self.clock()
        answer = bytes([await self.byte(lanes) for _ in range(count)])
        await self.select(0)
        return answer

    async def command(self, instruction: int, count: int = 0) -> bytes:
        await self.select()
        await self.send(instruction, 8)
        answer = bytes([await self.byte() for _ in range(count)])
        await self.select(0)
        return answer


def run(test, **parameters):
    """Run ``test(ctx, chip, master)`` at a filled chip, which must not have been driven against."""
    chip = FlashChip(size=SIZE, **parameters)

    async def bench(ctx):
        for address, byte in enumerate(DATA):
            ctx.set(chip.load_en, 1)
            ctx.set(chip.load_address, address)
            ctx.set(chip.load_data, byte)
            await ctx.tick()
        ctx.set(chip.load_en, 0)
        await test(ctx, chip, Master(ctx, chip))
        assert not ctx.get(chip.conflict)

    simulate(chip, bench)


@pytest.mark.parametrize("instruction", READS, ids=hex)
def test_reads_count_on_by_themselves_and_around(instruction):
    async def test(ctx, chip, master):
        assert await master.read(instruction, 0x12, 5) == DATA[0x12:0x17]
        assert await master.read(instruction, SIZE - 3, 5) == DATA[-3:] + DATA[:2]

    run(test)


def test_the_identity_comes_on_one_line():
    async def test(ctx, chip, master):
        assert await master.command(0x9F, 3) == b"\xef\x40\x18"

    run(test)


def test_unknown_instructions_have_no_answer():
    async def test(ctx, chip, master):
        for instruction in (0xFF, 0x00, 0x05, 0x35, 0x9E, 0xEB):
            assert await master.command(instruction, 5) == bytes([NOTHING] * 5)
        assert await master.read(0x03, 0, 2) == DATA[:2]

    run(test)


def test_the_quad_read_is_known_only_when_quad_is_enabled():
    async def test(ctx, chip, master):
        ctx.set(chip.quad_enable, 0)
        assert await master.read(0x6B, 0, 3) == bytes([NOTHING] * 3)
        assert await master.read(0x3B, 0, 3) == DATA[:3]
        ctx.set(chip.quad_enable, 1)
        assert await master.read(0x6B, 0, 3) == DATA[:3]

    run(test)


@pytest.mark.parametrize("bits", [1, 7, 8, 9, 31, 32, 37])
def test_deselecting_ends_everything(bits):
    async def test(ctx, chip, master):
        await master.select()
        await master.send(0x0B << 24 >> max(0, 32 - bits), min(bits, 32))
        for _ in range(bits - 32):
            await master.clock()
        await master.select(0)
        assert await master.read(0x0B, 7, 3) == DATA[7:10]

    run(test)


def test_a_chip_in_power_down_takes_nothing_but_its_release():
    async def test(ctx, chip, master):
        assert await master.command(0x9F, 3) == bytes([NOTHING] * 3)
        assert await master.read(0x03, 0, 3) == bytes([NOTHING] * 3)
        await master.command(0xAB)
        assert await master.command(0x9F, 3) == bytes([NOTHING] * 3)
        await ctx.tick().repeat(40)
        assert await master.command(0x9F, 3) == b"\xef\x40\x18"

    run(test, wakes="asleep", wake_cycles=30)


def test_a_slow_chip_wants_more_dummy_clocks():
    async def test(ctx, chip, master):
        assert await master.read(0x0B, 3, 3) != DATA[3:6]
        assert await master.read(0x0B, 3, 3, extra=2) == DATA[3:6]

    run(test, extra_dummies=2)


@pytest.mark.parametrize(("lanes", "dummies"), [(2, 0), (4, 4)])
def test_a_continuous_read_goes_on_until_its_mode_bits_end_it(lanes, dummies):
    async def test(ctx, chip, master):
        for mode in (0xA0, 0x20, 0xF0):
            await master.select()
            await master.send(9 << 8 | mode, 32, lanes)
            for _ in range(dummies):
                await master.clock()
            assert bytes([await master.byte(lanes) for _ in range(3)]) == DATA[9:12]
            await master.select(0)
        assert await master.read(0x03, 5, 3) == DATA[5:8]

    run(test, wakes={2: "continuous dual", 4: "continuous quad"}[lanes])


@pytest.mark.parametrize("wakes", ["continuous dual", "continuous quad"])
def test_an_instruction_is_not_understood_within_a_continuous_read(wakes):
    async def test(ctx, chip, master):
        await master.command(0x35)  # on four lines, mode bits that do not end it
        assert await master.command(0x9F, 3) != b"\xef\x40\x18"

    run(test, wakes=wakes)


def test_driving_against_the_chip_is_seen():
    chip = FlashChip(size=SIZE)

    async def bench(ctx):
        master = Master(ctx, chip)
        await master.command(0x9F, 1)
        assert not ctx.get(chip.conflict)
        await master.select()
        await master.send(0x9F, 8)
        await master.clock(0, 0b0001)  # its own line
        assert not ctx.get(chip.conflict)
        await master.clock(0, 0b0010)
        assert ctx.get(chip.conflict)

    simulate(chip, bench)


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"^Size of a flash must be a power of two, at least 4"):
        FlashChip(size=1000)
