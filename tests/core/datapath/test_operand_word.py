"""Operands belong to the results that come; kept sums are whole when they have all come."""

import random

import pytest

from accel.config import AcceleratorConfig
from accel.core.datapath.operand_word import OperandWord
from tests.support.rtl.simulation import simulate

SHAPES = [  # rows, columns, requantizers
    *((4, 4, 1), (8, 16, 8), (8, 8, 1), (8, 8, 2), (2, 4, 2), (3, 5, 1), (12, 4, 4), (16, 16, 1)),
]


def configuration(rows, columns, requantizers, family):
    return AcceleratorConfig(
        rows=rows, columns=columns, requantizers=requantizers, family=family, weight_steps=768
    )


@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize(("rows", "columns", "requantizers"), SHAPES)
def test_words_of_sums_follow_each_other_and_stay(rows, columns, requantizers, family):
    config = configuration(rows, columns, requantizers, family)
    dut, rng = OperandWord(config), random.Random(rows)
    width, words = config.sums_in_word, config.sum_words

    async def bench(ctx):
        ctx.set(dut.add_sums, 1)
        for _ in range(12):
            lane, sums = rng.randrange(config.sums_share), rng.randbytes(width * words)
            data = []
            for word in range(words):
                read = bytearray(rng.randbytes(rows))
                read[lane * width : (lane + 1) * width] = sums[word * width : (word + 1) * width]
                data.append(int.from_bytes(read, "little"))
            for cycle in range(words + dut.latency):
                ctx.set(dut.reading, cycle < words)
                ctx.set(dut.lane, lane if cycle < words else rng.randrange(config.sums_share))
                ctx.set(dut.valid, rng.randrange(2))
                shown = cycle - dut.latency + 1
                garbage = rng.getrandbits(config.word_bits)
                ctx.set(dut.read_data, data[shown] if 0 <= shown < words else garbage)
                await ctx.tick()
            for _ in range(3):
                assert ctx.get(dut.kept).to_bytes(len(sums), "little") == sums
                ctx.set(dut.read_data, rng.getrandbits(config.word_bits))
                await ctx.tick()

    simulate(dut, bench)


@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize(("rows", "columns", "requantizers"), [(4, 4, 1), (8, 16, 8), (8, 8, 2)])
def test_the_next_layer_has_operands_of_0_until_some_are_read(rows, columns, requantizers, family):
    config = configuration(rows, columns, requantizers, family)
    dut = OperandWord(config)

    async def bench(ctx):
        ctx.set(dut.add_sums, 1)
        ctx.set(dut.read_data, (1 << config.word_bits) - 1)
        ctx.set(dut.reading, 1)
        await ctx.tick().repeat(dut.latency + 2)
        ctx.set(dut.reading, 0)
        await ctx.tick().repeat(dut.latency + 2)
        assert ctx.get(dut.kept)
        ctx.set(dut.add_sums, 0)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for _ in range(4):
            assert ctx.get(dut.residual) == 0
            await ctx.tick()

    simulate(dut, bench)


def test_operands_are_shown_in_turn_with_their_top_bits_inverted():
    config = AcceleratorConfig()
    dut = OperandWord(config)

    async def bench(ctx):
        ctx.set(dut.reading, 1)
        await ctx.tick()
        ctx.set(dut.reading, 0)
        ctx.set(dut.read_data, 0x04030201)
        await ctx.tick()
        ctx.set(dut.read_data, 0)
        for expected in (0x81, 0x82, 0x83, 0x84, 0, 0):
            assert ctx.get(dut.residual) == expected
            await ctx.tick()

    simulate(dut, bench)
