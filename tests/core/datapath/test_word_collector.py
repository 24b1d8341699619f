"""Codes are collected into words; in a layer that keeps sums their words are shown one by one."""

import random

import pytest

from accel.config import AcceleratorConfig
from accel.core.datapath.word_collector import WordCollector, write_delay
from tests.support.rtl.simulation import simulate

SHAPES = [  # rows, columns, requantizers
    *((4, 4, 1), (4, 4, 4), (8, 16, 8), (8, 8, 1), (2, 4, 2), (3, 5, 1), (12, 4, 4), (6, 9, 3)),
]


def configuration(rows, columns, requantizers, **options):
    return AcceleratorConfig(
        rows=rows, columns=columns, requantizers=requantizers, weight_steps=768, **options
    )


@pytest.mark.parametrize("wide", [0, 1])
@pytest.mark.parametrize(("rows", "columns", "requantizers"), SHAPES)
def test_each_word_has_the_codes_of_its_bytes_once(rows, columns, requantizers, wide):
    config = configuration(rows, columns, requantizers, wide_sums=wide)
    dut, rng = WordCollector(config), random.Random(rows)
    codes, writes, seen, done = {}, {}, {}, []

    async def bench(ctx):
        coming = False
        held, byte, end = {}, 0, True
        for time in range(300):
            # The results of a word come one after another, from any of its bytes to any other.
            begin, real = end, rng.randrange(4) > 0
            byte = rng.randrange(0, rows, requantizers) if begin else byte + requantizers
            end = byte == rows - requantizers or rng.random() < 0.2
            place = {"word": rng.getrandbits(8), "real": real, "byte": byte}
            layer_end = rng.random() < 0.05
            place |= {"word_begin": begin, "word_end": end, "layer_end": layer_end}
            ctx.set(dut.destination, place)
            come = rng.randbytes(requantizers)
            codes[time + write_delay(config) - 1] = int.from_bytes(come, "little")
            ctx.set(dut.codes, codes.get(time, 0))
            held = {} if begin else dict(held)
            if real:
                held |= {byte + index: code for index, code in enumerate(come)}
            if end and held:
                writes[time + write_delay(config)] = place["word"], held
            if layer_end:
                done.append(time + write_delay(config))
            if coming:
                data = ctx.get(dut.write_data).to_bytes(rows, "little")
                mask = ctx.get(dut.write_en)
                lanes = {lane: data[lane] for lane in range(rows) if mask >> lane & 1}
                seen[time] = ctx.get(dut.address), lanes
            assert ctx.get(dut.done) == (time in done)
            coming = ctx.get(dut.writing_next)
            await ctx.tick()
        begun = write_delay(config)
        expected = {time: write for time, write in writes.items() if begun <= time < 300}
        assert {time: write for time, write in seen.items() if time >= begun} == expected
        assert len(expected) > 20

    simulate(dut, bench)


@pytest.mark.parametrize(("rows", "columns", "requantizers"), SHAPES)
def test_words_of_sums_are_shown_from_the_load_on_each_after_a_shift(rows, columns, requantizers):
    config = configuration(rows, columns, requantizers)
    dut, rng = WordCollector(config), random.Random(rows)
    width = config.sums_in_word

    async def bench(ctx):
        ctx.set(dut.keep_sums, 1)
        for _ in range(10):
            sums = rng.randbytes(4 * requantizers)
            ctx.set(dut.biased, int.from_bytes(sums, "little"))
            ctx.set(dut.load, 1)
            await ctx.tick()
            ctx.set(dut.load, 0)
            ctx.set(dut.biased, rng.getrandbits(32 * requantizers))
            for word in range(config.sum_words):
                for shift in (0, 1):
                    ctx.set(dut.shift, shift)
                    data = ctx.get(dut.write_data).to_bytes(rows, "little")
                    expected = sums[word * width : (word + 1) * width]
                    for lane in range(config.sums_share):
                        assert data[lane * width : (lane + 1) * width] == expected
                    await ctx.tick()
                ctx.set(dut.shift, 0)

    simulate(dut, bench)


def test_the_address_is_that_of_sums_where_they_are_next():
    dut, rng = WordCollector(AcceleratorConfig()), random.Random(1)

    async def bench(ctx):
        for _ in range(50):
            access, address = rng.randrange(2), rng.getrandbits(14)
            ctx.set(dut.access_next, access)
            ctx.set(dut.sums_address, address)
            await ctx.tick()
            if access:
                assert ctx.get(dut.address) == address

    simulate(dut, bench)
